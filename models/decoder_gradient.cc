#include "models/decoder_gradient.h"

#include "models/layer_pass.h"
#include "runtime/algebra/dense_matrix.h"
#include "runtime/gradient/gradient_steps.h"

namespace lathe {
namespace {

using Matrix = DenseMatrix<float>;

TensorId head_of(const WeightSet& weights) noexcept {
  const bool untied = static_cast<bool>(weights.get(TensorRole::kOutput, -1));
  return {untied ? TensorRole::kOutput : TensorRole::kTokenEmbd, -1};
}

}  // namespace

void DecoderGradient::embed(const GradientContext& ctx, MatrixView<float> hidden) const {
  const WeightView& table = ctx.weights.get(TensorRole::kTokenEmbd, -1);
  const DecodeFn decode = ctx.kernels.decode[index_of(table.format)];
  for (std::size_t t = 0; t < ctx.items.size(); ++t) {
    const auto row = static_cast<std::size_t>(ctx.items[t].token);
    decode(table.slice_rows(row, 1).data, table.cols, hidden.row(t));
  }
}

void DecoderGradient::layer(const GradientContext& ctx, int i, MatrixView<float> hidden) const {
  LayerPass(ctx, shape_, forms_[static_cast<std::size_t>(i)], i, hidden).forward(hidden);
}

void DecoderGradient::head(const GradientContext& ctx, MatrixView<const float> hidden,
                           MatrixView<float> logits) const {
  Matrix h(hidden.rows, hidden.cols);
  rms_norm_forward(ctx.kernels, ctx.pool, hidden, ctx.weights.get(TensorRole::kOutputNorm, -1),
                   shape_.rms_eps, h.view());
  const TensorId id = head_of(ctx.weights);
  ctx.products.forward(ctx.weights.get(id.role, -1), {}, h.view(), logits);
}

void DecoderGradient::head_back(const GradientContext& ctx, MatrixView<const float> hidden,
                                MatrixView<const float> dlogits, MatrixView<float> dhidden) const {
  const WeightView& gain = ctx.weights.get(TensorRole::kOutputNorm, -1);
  Matrix h(hidden.rows, hidden.cols);
  rms_norm_forward(ctx.kernels, ctx.pool, hidden, gain, shape_.rms_eps, h.view());
  const TensorId id = head_of(ctx.weights);
  ctx.products.backward(ctx.weights.get(id.role, -1), dlogits, dhidden);
  if (ctx.observer != nullptr) {
    ctx.observer->on_input(id, h.view(), dhidden);
    ctx.observer->on_outputs(id, 0, h.view(), dlogits);
  }
  rms_norm_back(ctx.pool, hidden, gain, shape_.rms_eps, dhidden, dhidden);
}

void DecoderGradient::layer_back(const GradientContext& ctx, int i, MatrixView<const float> input,
                                 MatrixView<float> gradient) const {
  LayerPass pass(ctx, shape_, forms_[static_cast<std::size_t>(i)], i, input);
  Matrix out(input.rows, input.cols);
  pass.forward(out.view());
  pass.backward(gradient);
}

void DecoderGradient::embed_back(const GradientContext& ctx,
                                 MatrixView<const float> gradient) const {
  if (ctx.observer == nullptr) return;
  ctx.observer->on_lookup({TensorRole::kTokenEmbd, -1}, ctx.items, gradient);
}

}  // namespace lathe
