// llama: Llama 1 to 3, Mistral, Devstral and their kin (Touvron et al. 2023).
//
// Pre-norm, grouped-query attention with interleaved RoPE pairs, SwiGLU.
#include <cmath>
#include <memory>
#include <utility>

#include "models/llama.h"

#include "models/decoder.h"
#include "models/weight_loader.h"
#include "runtime/base/error.h"
#include "runtime/ops/matmul.h"
#include "runtime/ops/rows.h"

namespace lathe {
namespace {

class Llama final : public Decoder {
 public:
  Llama(Hparams hparams, WeightSet weights, RopeTable rope)
      : Decoder(std::move(hparams), std::move(weights)), rope_(std::move(rope)) {}

  void layer(ExecContext& ctx, int i, const PassView& pass, KvCache& cache,
             MatrixView<float> x) const noexcept override {
    const Arena::Scope scope(ctx.scratch);
    const auto [h, qkv] = take_buffers(ctx.scratch, x.rows);
    const AttentionShape shape = attention_shape();

    norm(ctx, x, TensorRole::kAttnNorm, i, h);  // [n, n_embd]
    project_qkv(ctx, i, h, qkv);                // [n, (H + 2 G) D]
    store_kv(ctx, shape, rope_, {}, pass, i, cache, qkv.q, qkv.k, qkv.v);
    attend(ctx, shape, pass, i, cache, qkv.q, 0, qkv.q);      // [n, H D]
    matmul(ctx, qkv.q, {{{TensorRole::kAttnOutput, i}, h}});  // [n, n_embd]
    add(ctx, x, h);
    tell_middle(ctx, i, x);

    norm(ctx, x, TensorRole::kFfnNorm, i, h);  // [n, n_embd]
    swiglu(ctx, i, n_ff(), h, h);              // [n, n_embd]
    add(ctx, x, h);
  }

 private:
  LayerForm layer_form(int) const noexcept override {
    return {.norm_before = true, .rope = &rope_};
  }

  RopeTable rope_;
};

}  // namespace

WeightSet load_llama_weights(const TensorSource& file, Hparams& hparams) {
  ModelTraits& t = hparams.traits;
  WeightLoader load(file, t.n_layer);
  load.embedding_and_head(t);
  if (load.optional_vector(TensorRole::kRopeFreqs, -1, t.head_dim / 2)) {
    const WeightView& view = load.get(TensorRole::kRopeFreqs, -1);
    hparams.rope.frequency_factors = {reinterpret_cast<const float*>(view.data), view.cols};
    for (const float factor : hparams.rope.frequency_factors) {
      if (!(factor > 0.0f) || std::isinf(factor)) {
        throw bad_input(file.path(),
                        "tensor rope_freqs.weight holds a divisor that is not positive");
      }
    }
  }
  for (int i = 0; i < static_cast<int>(t.n_layer); ++i) {
    load.vector(TensorRole::kAttnNorm, i, t.n_embd);
    load.queries_keys_values(i, t.n_embd, hparams.q_width(), hparams.kv_width());
    load.matrix_and_bias(TensorRole::kAttnOutput, i, t.n_embd, hparams.q_width());
    load.vector(TensorRole::kFfnNorm, i, t.n_embd);
    load.matrix_and_bias(TensorRole::kFfnGate, i, t.n_ff, t.n_embd);
    load.matrix_and_bias(TensorRole::kFfnUp, i, t.n_ff, t.n_embd);
    load.matrix_and_bias(TensorRole::kFfnDown, i, t.n_embd, t.n_ff);
  }
  return load.finish(t);
}

std::unique_ptr<Model> load_llama(const TensorSource& file) {
  const ArchKeys keys(file.metadata());
  Hparams hparams = read_hparams(keys);
  WeightSet weights = load_llama_weights(file, hparams);
  RopeTable rope(hparams.rope);
  return std::make_unique<Llama>(std::move(hparams), std::move(weights), std::move(rope));
}

}  // namespace lathe
