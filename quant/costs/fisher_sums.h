// What a backward pass leaves of each weight matrix for the costs of formats: a few vectors.
//
// To second order, errors dW of the weights make a divergence of 1/2 E[(sum <g_t, dW x_t>)^2] with
// x_t the input and g_t the gradient of a probe (runtime/gradient/probe.h) at the output. With
// errors that are independent of each other that is 1/2 sum_ij E[g_i^2 x_j^2] dW_ij^2, and the
// expectation is close to a product: (row sum)_i (column sum)_j / total. Fisher information by
// Kronecker factors, of which only the diagonals are kept (after Martens & Grosse 2015).
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "runtime/gradient/model_gradient.h"
#include "runtime/gradient/outer_sums.h"
#include "runtime/tensor_role.h"

namespace lathe {

struct TensorFisher {
  // The terms of a matrix, in one or more parts whose sums are products by themselves: rows that
  // project to values and the others; a table and the output head that is tied to it.
  enum Part : std::size_t { kProduct, kValues, kTable, kPartCount };
  std::array<OuterSums, kPartCount> parts;  // empty where there is none
  // By ActKind: sum over tokens of (gradient at the input . error that the conversion of the input
  // makes)^2; 0 for kF32, and where rows do not divide into its blocks.
  std::array<double, kActKindCount> activations{};
  std::vector<double> input_squares;  // by column: sum of x^2 over tokens
};

class FisherSums final : public GradientObserver {
 public:
  FisherSums(const WeightSet& weights, const KernelTable& kernels, ThreadPool& pool)
      : weights_(weights), kernels_(kernels), pool_(pool) {}

  void on_input(TensorId weight, MatrixView<const float> x, MatrixView<const float> dx) override;
  void on_outputs(TensorId weight, std::size_t first_row, MatrixView<const float> x,
                  MatrixView<const float> g) override;
  void on_values(TensorId weight, std::size_t first_row, const OuterSums& sums) override;
  void on_lookup(TensorId weight, Batch items, MatrixView<const float> g) override;

  // By name of the weight.
  const std::map<std::string, TensorFisher>& tensors() const noexcept { return tensors_; }

 private:
  TensorFisher& of(TensorId weight);
  OuterSums& part_of(TensorId weight, TensorFisher::Part part);
  double conversion_noise(ActKind kind, MatrixView<const float> x, MatrixView<const float> dx);

  const WeightSet& weights_;
  const KernelTable& kernels_;
  ThreadPool& pool_;
  std::map<std::string, TensorFisher> tensors_;
};

}  // namespace lathe
