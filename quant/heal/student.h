// The model that is being healed: the original's weights with some tensors replaced.
#pragma once

#include <map>
#include <vector>

#include "quant/heal/float_tensor.h"
#include "quant/heal/output_fit.h"
#include "quant/heal/stage_roles.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/model.h"

namespace lathe {

// Values of some tensors; vectors as one row.
struct TensorValues {
  TensorId id;
  DenseMatrix<float> values;
};

// By GGUF name.
using ReplacedTensors = std::map<std::string, FloatTensor, std::less<>>;

// The weights of a model with these in their places; both outlive it.
WeightSet overlay_of(const Model& model, const ReplacedTensors& tensors);

class Student {
 public:
  // Error (kUsage) unless all matrices of layers are of float formats.
  Student(const Model& model, const KernelTable& kernels, ThreadPool& pool);
  Student(const Student&) = delete;
  Student& operator=(const Student&) = delete;

  const Model& model() const noexcept { return model_; }
  const KernelTable& kernels() const noexcept { return kernels_; }
  // What it runs with; changes with the calls below.
  const WeightSet& weights() const noexcept { return views_; }

  DenseMatrix<float> values(TensorId id) const;           // as they are now
  DenseMatrix<float> original_values(TensorId id) const;  // of any layer of the model
  // Rounded to the format that the model has the tensor in.
  void replace(TensorId id, MatrixView<const float> values);
  void restore(TensorId id);
  // As they were replaced before.
  void take_up(ReplacedTensors tensors);

  // The output matrix of a half, the gain behind it and its bias.
  OutputWeights output_of(const StageRoles& roles, int layer) const;
  std::vector<float> bias_of(const StageRoles& roles, int layer) const;
  void set_output(const StageRoles& roles, int layer, const OutputWeights& output);

  const ReplacedTensors& replaced() const noexcept { return replaced_; }
  ReplacedTensors take_replaced();

 private:
  const Model& model_;
  const KernelTable& kernels_;
  ThreadPool& pool_;
  WeightSet views_;
  ReplacedTensors replaced_;
};

}  // namespace lathe
