// olmo2: OLMo 2 and OLMo 3 (OLMo team 2025).
//
// No norm before a block but one after it; queries and keys are normalised over all heads at once;
// RoPE pairs are halves of a head. OLMo 3 has the same name and adds layers that see a sliding
// window only; those turn by plain RoPE, the others by YaRN.
#include <memory>
#include <utility>

#include "models/decoder.h"
#include "models/weight_loader.h"
#include "runtime/gguf/metadata.h"
#include "runtime/ops/matmul.h"
#include "runtime/ops/rows.h"

namespace lathe {
namespace {

constexpr std::string_view kWindowPattern = "attention.sliding_window_pattern";

class Olmo2 final : public Decoder {
 public:
  Olmo2(Hparams hparams, WeightSet weights, RopeTable rope, RopeTable window_rope,
        std::vector<std::size_t> windows)
      : Decoder(std::move(hparams), std::move(weights)),
        rope_(std::move(rope)),
        window_rope_(std::move(window_rope)),
        windows_(std::move(windows)) {}

  void layer(ExecContext& ctx, int i, const PassView& pass, KvCache& cache,
             MatrixView<float> x) const noexcept override {
    const Arena::Scope scope(ctx.scratch);
    const auto [h, qkv] = take_buffers(ctx.scratch, x.rows);
    const AttentionShape shape = attention_shape();
    const std::size_t window = windows_[static_cast<std::size_t>(i)];
    const RopeTable& rope = window > 0 ? window_rope_ : rope_;

    project_qkv(ctx, i, x, qkv);                         // [n, (H + 2 G) D]
    norm(ctx, qkv.q, TensorRole::kAttnQNorm, i, qkv.q);  // [n, H D]
    norm(ctx, qkv.k, TensorRole::kAttnKNorm, i, qkv.k);  // [n, G D]
    store_kv(ctx, shape, rope, {}, pass, i, cache, qkv.q, qkv.k, qkv.v);
    attend(ctx, shape, pass, i, cache, qkv.q, window, qkv.q);  // [n, H D]
    matmul(ctx, qkv.q, {{{TensorRole::kAttnOutput, i}, h}});   // [n, n_embd]
    norm(ctx, h, TensorRole::kPostAttentionNorm, i, h);        // [n, n_embd]
    add(ctx, x, h);
    tell_middle(ctx, i, x);

    swiglu(ctx, i, n_ff(), x, h);                  // [n, n_embd]
    norm(ctx, h, TensorRole::kPostFfwNorm, i, h);  // [n, n_embd]
    add(ctx, x, h);
  }

 private:
  LayerForm layer_form(int i) const noexcept override {
    const std::size_t window = windows_[static_cast<std::size_t>(i)];
    return {.norm_before = false,
            .norm_qk = true,
            .rope = window > 0 ? &window_rope_ : &rope_,
            .window = window};
  }

  RopeTable rope_, window_rope_;
  std::vector<std::size_t> windows_;  // [n_layer] keys that a query sees, 0: all
};

WeightSet load_weights(const TensorSource& file, Hparams& hparams) {
  ModelTraits& t = hparams.traits;
  WeightLoader load(file, t.n_layer);
  load.embedding_and_head(t);
  for (int i = 0; i < static_cast<int>(t.n_layer); ++i) {
    load.queries_keys_values(i, t.n_embd, hparams.q_width(), hparams.kv_width());
    load.vector(TensorRole::kAttnQNorm, i, hparams.q_width());
    load.vector(TensorRole::kAttnKNorm, i, hparams.kv_width());
    load.matrix_and_bias(TensorRole::kAttnOutput, i, t.n_embd, hparams.q_width());
    load.vector(TensorRole::kPostAttentionNorm, i, t.n_embd);
    load.matrix_and_bias(TensorRole::kFfnGate, i, t.n_ff, t.n_embd);
    load.matrix_and_bias(TensorRole::kFfnUp, i, t.n_ff, t.n_embd);
    load.matrix_and_bias(TensorRole::kFfnDown, i, t.n_embd, t.n_ff);
    load.vector(TensorRole::kPostFfwNorm, i, t.n_embd);
  }
  return load.finish(t);
}

// Which layers slide: an array of flags, or every layer but each n-th (4 when the file is silent).
std::vector<std::size_t> read_windows(const ArchKeys& keys, std::size_t n_layer) {
  std::vector<std::size_t> windows(n_layer, 0);
  const std::size_t width = read_sliding_window(keys);
  if (width == 0) return windows;
  const std::string key = keys.key(kWindowPattern);
  const auto pattern = keys.metadata().uint_list(key);
  const bool flags = pattern && keys.metadata().find(key)->is_array();
  if (flags && pattern->size() != n_layer) {
    keys.metadata().fail(key, "has " + std::to_string(pattern->size()) + " entries, expected " +
                                  std::to_string(n_layer) + " (one per layer)");
  }
  const std::uint64_t period = pattern && !flags ? pattern->front() : 4;
  if (period == 0) keys.metadata().fail(key, "is 0, expected a number of layers");
  for (std::size_t i = 0; i < n_layer; ++i) {
    const bool slides = flags ? (*pattern)[i] != 0 : i % period < period - 1;
    windows[i] = slides ? width : 0;
  }
  return windows;
}

}  // namespace

// The windows are what follows from the number of a layer, where the file says them by a period or
// not at all.
std::vector<MetadataEntry> olmo2_layer_metadata(const Metadata& metadata) {
  const ArchKeys keys(metadata);
  if (read_sliding_window(keys) == 0) return {};
  std::vector<std::byte> slides;
  for (const std::size_t window : read_windows(keys, read_layer_count(keys))) {
    slides.push_back(std::byte{window > 0});
  }
  return {{keys.key(kWindowPattern), Value::raw_array(ValueType::kBool, slides)}};
}

std::unique_ptr<Model> load_olmo2(const TensorSource& file) {
  const ArchKeys keys(file.metadata());
  Hparams hparams = read_hparams(keys);
  hparams.rope.pairing = RopePairing::kHalves;
  RopeSettings plain;
  plain.head_dim = hparams.traits.head_dim;
  plain.pairing = RopePairing::kHalves;
  plain.base = read_real(keys, "rope.freq_base_swa", hparams.rope.base, 1.0 + 1e-6, 1e15);
  std::vector<std::size_t> windows = read_windows(keys, hparams.traits.n_layer);
  RopeTable rope(hparams.rope), window_rope(plain);
  WeightSet weights = load_weights(file, hparams);
  return std::make_unique<Olmo2>(std::move(hparams), std::move(weights), std::move(rope),
                                 std::move(window_rope), std::move(windows));
}

}  // namespace lathe
