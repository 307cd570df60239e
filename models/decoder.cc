#include "models/decoder.h"

#include <algorithm>
#include <vector>

#include "runtime/ops/matmul.h"
#include "runtime/ops/rows.h"

namespace lathe {

void Decoder::embed(ExecContext& ctx, Batch items, MatrixView<float> hidden) const noexcept {
  look_up(ctx, ctx.weights.get(TensorRole::kTokenEmbd, -1), items, hidden);
}

void Decoder::head(ExecContext& ctx, MatrixView<const float> hidden,
                   MatrixView<float> logits) const noexcept {
  const Arena::Scope scope(ctx.scratch);
  const MatrixView<float> h = ctx.scratch.matrix(hidden.rows, hidden.cols);  // [n_rows, n_embd]
  norm(ctx, hidden, TensorRole::kOutputNorm, -1, h);
  const bool untied = static_cast<bool>(ctx.weights.get(TensorRole::kOutput, -1));
  matmul(ctx, h, {{{untied ? TensorRole::kOutput : TensorRole::kTokenEmbd, -1}, logits}});
}

void Decoder::norm(ExecContext& ctx, MatrixView<const float> x, TensorRole role, int layer,
                   MatrixView<float> out) const noexcept {
  rms_norm(ctx, x, ctx.weights.get(role, layer), hparams_.rms_eps, out);
}

std::unique_ptr<ModelGradient> Decoder::make_gradient() const {
  std::vector<LayerForm> forms;
  for (std::size_t i = 0; i < hparams_.traits.n_layer; ++i) {
    forms.push_back(layer_form(static_cast<int>(i)));
  }
  const DecoderShape shape{attention_shape(), hparams_.traits.n_embd, n_ff(), hparams_.rms_eps};
  return std::make_unique<DecoderGradient>(shape, std::move(forms));
}

Decoder::LayerBuffers Decoder::take_buffers(Arena& scratch, std::size_t n_items) const noexcept {
  const MatrixView<float> h = scratch.matrix(n_items, hparams_.traits.n_embd);
  return {h, Qkv::take(scratch, attention_shape(), n_items)};
}

std::size_t Decoder::scratch_bytes(const KernelTable& kernels, int n_threads, std::size_t n_items,
                                   std::size_t n_cells) const {
  const ModelTraits& t = hparams_.traits;
  Arena measure;
  take_buffers(measure, n_items);
  const std::size_t qkv_width = hparams_.q_width() + 2 * hparams_.kv_width();
  return measure.used() +
         std::max(
             {matmul_scratch_bytes(kernels, n_threads, n_items, t.n_embd, qkv_width),
              matmul_scratch_bytes(kernels, n_threads, n_items, hparams_.q_width(), t.n_embd),
              matmul_scratch_bytes(kernels, n_threads, n_items, t.n_embd, t.n_vocab),
              swiglu_scratch_bytes(kernels, n_threads, n_items, t.n_embd, t.n_ff),
              attention_scratch_bytes(kernels, n_threads, attention_shape(), n_items, n_cells)});
}

}  // namespace lathe
