// mistral3: the tensors of llama; queries may grow with their position (temperature), and YaRN may
// have another magnitude.
#include <memory>
#include <utility>

#include "models/decoder.h"
#include "models/llama.h"
#include "runtime/ops/matmul.h"
#include "runtime/ops/rows.h"

namespace lathe {
namespace {

class Mistral3 final : public Decoder {
 public:
  Mistral3(Hparams hparams, WeightSet weights, RopeTable rope, QueryTemperature temperature)
      : Decoder(std::move(hparams), std::move(weights)),
        rope_(std::move(rope)),
        temperature_(temperature) {}

  void layer(ExecContext& ctx, int i, const PassView& pass, KvCache& cache,
             MatrixView<float> x) const noexcept override {
    const Arena::Scope scope(ctx.scratch);
    const auto [h, qkv] = take_buffers(ctx.scratch, x.rows);
    const AttentionShape shape = attention_shape();

    norm(ctx, x, TensorRole::kAttnNorm, i, h);  // [n, n_embd]
    project_qkv(ctx, i, h, qkv);                // [n, (H + 2 G) D]
    store_kv(ctx, shape, rope_, temperature_, pass, i, cache, qkv.q, qkv.k, qkv.v);
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
    return {.norm_before = true, .rope = &rope_, .temperature = temperature_};
  }

  RopeTable rope_;
  QueryTemperature temperature_;
};

}  // namespace

std::unique_ptr<Model> load_mistral3(const TensorSource& file) {
  const ArchKeys keys(file.metadata());
  Hparams hparams = read_hparams(keys);
  RopeSettings& rope = hparams.rope;
  rope.yarn_log_multiplier = read_real(keys, "rope.scaling.yarn_log_multiplier", 0.0, 0.0, 1e3);
  const QueryTemperature temperature{read_real(keys, "attention.temperature_scale", 0.0, 0.0, 1e3),
                                     rope.n_ctx_original};
  WeightSet weights = load_llama_weights(file, hparams);
  RopeTable table(hparams.rope);
  return std::make_unique<Mistral3>(std::move(hparams), std::move(weights), std::move(table),
                                    temperature);
}

}  // namespace lathe
