#include "models/import/tensor_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

namespace lathe {
namespace {

struct Name {
  std::string_view theirs, gguf;
  TensorUse use = TensorUse::kPlain;
};

constexpr Name kGlobal[] = {{"model.embed_tokens.weight", "token_embd.weight"},
                            {"lm_head.weight", "output.weight"},
                            {"model.norm.weight", "output_norm.weight"}};
constexpr Name kNativeGlobal[] = {{"tok_embeddings.weight", "token_embd.weight"},
                                  {"output.weight", "output.weight"},
                                  {"norm.weight", "output_norm.weight"}};

// Stems, of a weight and maybe a bias.
constexpr Name kLayer[] = {{"self_attn.q_proj", "attn_q", TensorUse::kQueries},
                           {"self_attn.k_proj", "attn_k", TensorUse::kKeys},
                           {"self_attn.v_proj", "attn_v"},
                           {"self_attn.o_proj", "attn_output"},
                           {"mlp.gate_proj", "ffn_gate"},
                           {"mlp.up_proj", "ffn_up"},
                           {"mlp.down_proj", "ffn_down"}};
constexpr Name kPreNorms[] = {{"input_layernorm", "attn_norm"},
                              {"post_attention_layernorm", "ffn_norm"}};
constexpr Name kOlmo2Norms[] = {{"self_attn.q_norm", "attn_q_norm"},
                                {"self_attn.k_norm", "attn_k_norm"},
                                {"post_attention_layernorm", "post_attention_norm"},
                                {"post_feedforward_layernorm", "post_ffw_norm"}};
constexpr Name kNativeLayer[] = {{"attention_norm", "attn_norm"},
                                 {"ffn_norm", "ffn_norm"},
                                 {"attention.wq", "attn_q", TensorUse::kQueries},
                                 {"attention.wk", "attn_k", TensorUse::kKeys},
                                 {"attention.wv", "attn_v"},
                                 {"attention.wo", "attn_output"},
                                 {"feed_forward.w1", "ffn_gate"},
                                 {"feed_forward.w3", "ffn_up"},
                                 {"feed_forward.w2", "ffn_down"}};

// Of parts that are no text, and what the configuration says already.
constexpr std::string_view kOtherParts[] = {
    "vision_tower.",         "vision_encoder.", "vision_language_adapter.", "vision_model.",
    "multi_modal_projector", "patch_merger.",   "pre_mm_projector_norm"};
constexpr std::string_view kRepeated[] = {".rotary_emb.inv_freq", ".attention.bias",
                                          ".attention.masked_bias"};

// Checkpoints of several parts say which a tensor is of.
std::string text_name(std::string_view name) {
  constexpr std::string_view kPart = "language_model.";
  std::string out(name);
  const std::size_t at = out.find(kPart);
  return at == out.npos ? out : out.erase(at, kPart.size());
}

bool is_left_out(std::string_view name) {
  return std::any_of(std::begin(kOtherParts), std::end(kOtherParts),
                     [&](std::string_view part) { return name.find(part) != name.npos; }) ||
         std::any_of(std::begin(kRepeated), std::end(kRepeated),
                     [&](std::string_view end) { return name.ends_with(end); });
}

const Name* find_name(std::span<const Name> names, std::string_view theirs) {
  const auto at =
      std::find_if(names.begin(), names.end(), [&](const Name& n) { return n.theirs == theirs; });
  return at == names.end() ? nullptr : &*at;
}

// "model.layers.7.mlp.up_proj.weight": layer, stem and the last word.
struct LayerName {
  std::uint64_t layer;
  std::string_view stem, last;
};
std::optional<LayerName> layer_name(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  LayerName out{};
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), out.layer);
  const auto n_digits = static_cast<std::size_t>(end - name.data());
  if (error != std::errc{} || n_digits == name.size() || *end != '.') return std::nullopt;
  if (name.front() == '0' && n_digits > 1) return std::nullopt;
  name.remove_prefix(n_digits + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == name.npos) return std::nullopt;
  out.stem = name.substr(0, dot);
  out.last = name.substr(dot);
  return out;
}

const Name* find_stem(const CheckpointConfig& config, std::string_view stem) {
  if (config.native) return find_name(kNativeLayer, stem);
  const Name* found = find_name(kLayer, stem);
  if (found != nullptr) return found;
  const bool olmo2 = config.architecture == "olmo2";
  return find_name(olmo2 ? std::span<const Name>(kOlmo2Norms) : std::span<const Name>(kPreNorms),
                   stem);
}

}  // namespace

TensorMapping map_tensor(std::string_view theirs, const CheckpointConfig& config) {
  if (is_left_out(theirs)) return {TensorUse::kLeftOut};
  const std::string name = text_name(theirs);
  const std::span<const Name> global =
      config.native ? std::span<const Name>(kNativeGlobal) : std::span<const Name>(kGlobal);
  if (const Name* found = find_name(global, name)) return {found->use, std::string(found->gguf)};
  const auto in_layer = layer_name(name, config.native ? "layers." : "model.layers.");
  if (!in_layer || in_layer->layer >= config.n_layer) return {};
  const Name* found = find_stem(config, in_layer->stem);
  if (found == nullptr || (in_layer->last != ".weight" && in_layer->last != ".bias")) return {};
  return {found->use, "blk." + std::to_string(in_layer->layer) + "." + std::string(found->gguf) +
                          std::string(in_layer->last)};
}

}  // namespace lathe
