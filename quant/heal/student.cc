#include "quant/heal/student.h"

#include <fmt/format.h>

#include <utility>

#include "runtime/base/error.h"
#include "runtime/decode_rows.h"

namespace lathe {

WeightSet overlay_of(const Model& model, const ReplacedTensors& tensors) {
  WeightSet out = model.weights();
  for (const auto& [name, tensor] : tensors) {
    if (const auto id = parse_tensor_name(name)) out.set(*id, tensor.view());
  }
  return out;
}

Student::Student(const Model& model, const KernelTable& kernels, ThreadPool& pool)
    : model_(model), kernels_(kernels), pool_(pool), views_(model.weights()) {
  for (int layer = 0; layer < static_cast<int>(model.traits().n_layer); ++layer) {
    for (std::size_t r = 0; r < kTensorRoleCount; ++r) {
      const TensorId id{static_cast<TensorRole>(r), layer};
      if (!role_is_per_layer(id.role)) continue;
      const WeightView& view = model.weights().get(id.role, layer);
      if (!view || is_float_format(view.format)) continue;
      throw usage_error(fmt::format("{} is {}: a model to heal is one in F32, F16 or BF16",
                                    tensor_name(id), format_name(view.format)));
    }
  }
}

DenseMatrix<float> Student::values(TensorId id) const {
  return decoded(kernels_, pool_, views_.get(id.role, id.layer, id.part));
}
DenseMatrix<float> Student::original_values(TensorId id) const {
  return decoded(kernels_, pool_, model_.weights().get(id.role, id.layer, id.part));
}

void Student::replace(TensorId id, MatrixView<const float> values) {
  const Format format = model_.weights().get(id.role, id.layer, id.part).format;
  FloatTensor& tensor = replaced_[tensor_name(id)];
  tensor = FloatTensor(kernels_, format, values);
  views_.set(id, tensor.view());
}

void Student::restore(TensorId id) {
  views_.set(id, model_.weights().get(id.role, id.layer, id.part));
  replaced_.erase(tensor_name(id));
}

void Student::take_up(ReplacedTensors tensors) {
  for (auto& [name, tensor] : tensors) {
    if (const auto id = parse_tensor_name(name)) views_.set(*id, tensor.view());
    replaced_[name] = std::move(tensor);
  }
}

OutputWeights Student::output_of(const StageRoles& roles, int layer) const {
  OutputWeights out{values({roles.output, layer}), {}};
  if (!views_.get(roles.post_norm, layer)) return out;
  const DenseMatrix<float> gain = values({roles.post_norm, layer});
  out.gain.assign(gain.data(), gain.data() + gain.cols());
  return out;
}

std::vector<float> Student::bias_of(const StageRoles& roles, int layer) const {
  const TensorId id{roles.output, layer, TensorPart::kBias};
  if (!views_.get(id.role, layer, id.part)) return {};
  const DenseMatrix<float> bias = values(id);
  return {bias.data(), bias.data() + bias.cols()};
}

void Student::set_output(const StageRoles& roles, int layer, const OutputWeights& output) {
  replace({roles.output, layer}, output.matrix.cview());
  if (output.gain.empty()) return;
  replace({roles.post_norm, layer}, {output.gain.data(), 1, output.gain.size()});
}

ReplacedTensors Student::take_replaced() { return std::move(replaced_); }

}  // namespace lathe
