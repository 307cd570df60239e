#include "quant/eval/model_work.h"

namespace lathe {
namespace {

double macs_of(const WeightView& weight) noexcept {
  return weight.rows > 1 ? static_cast<double>(weight.rows) * static_cast<double>(weight.cols) : 0;
}

void add_matrix(const WeightView& weight, const KernelTable& kernels, MacsByPeak* macs) noexcept {
  if (!weight) return;
  (*macs)[index_of(panel_peak(kernels, weight.format))] += macs_of(weight);
}

}  // namespace

ModelWork model_work(const Model& model, const KernelTable& kernels, Format k_format,
                     Format v_format) {
  const ModelTraits& traits = model.traits();
  const WeightSet& weights = model.weights();
  const auto bytes_of = [&](TensorRole role, int layer, TensorPart part) {
    const WeightView& weight = weights.get(role, layer, part);
    return weight ? static_cast<double>(weight.bytes()) : 0.0;
  };
  ModelWork work;
  for (std::size_t r = 0; r < kTensorRoleCount; ++r) {
    const TensorRole role = static_cast<TensorRole>(r);
    if (!role_is_per_layer(role)) continue;
    for (int layer = 0; layer < static_cast<int>(traits.n_layer); ++layer) {
      add_matrix(weights.get(role, layer), kernels, &work.layer_macs);
      work.token_bytes += bytes_of(role, layer, TensorPart::kWeight);
      work.token_bytes += bytes_of(role, layer, TensorPart::kBias);
    }
  }
  const WeightView& embedding = weights.get(TensorRole::kTokenEmbd, -1);
  const WeightView& output = weights.get(TensorRole::kOutput, -1);
  const WeightView& head = output ? output : embedding;
  add_matrix(head, kernels, &work.head_macs);
  work.token_bytes += static_cast<double>(head.bytes() + embedding.row_stride());
  work.token_bytes += bytes_of(TensorRole::kOutputNorm, -1, TensorPart::kWeight);
  const std::size_t kv_width = traits.n_head_kv * traits.head_dim;
  work.cell_bytes = static_cast<double>(
      traits.n_layer * (row_bytes(k_format, kv_width) + row_bytes(v_format, kv_width)));
  return work;
}

}  // namespace lathe
