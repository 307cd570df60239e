#include "models/arch_keys.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "runtime/base/quote.h"

namespace lathe {
namespace {

// Read by read_hparams() for all architectures.
constexpr std::string_view kRead[] = {
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_rms_epsilon",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.attn_factor",
    "rope.scaling.original_context_length",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_ext_factor",
};

// True of the model, and without influence on what it computes.
constexpr std::string_view kInformational[] = {
    "vocab_size",              // the tokens say it
    "rope.scaling.finetuned",  // how it was trained
    "tensor_data_layout",      // of the file that it was converted from
    "rope.freq_base_swa",      // without windows
    "attention.sliding_window_pattern",
};

// What other architectures of this field do, or other models of these, and lathe does not: the
// value that asks for nothing, else refused.
struct Foreign {
  std::string_view name;
  double neutral;
  std::string_view what;
};
constexpr std::string_view kExperts = "mixtures of experts are not supported";
constexpr std::string_view kSoftCaps = "soft caps are not supported";
constexpr Foreign kForeign[] = {
    {"expert_count", 0, kExperts},
    {"expert_used_count", 0, kExperts},
    {"expert_shared_count", 0, kExperts},
    {"expert_feed_forward_length", 0, kExperts},
    {"expert_weights_scale", 0, kExperts},
    {"leading_dense_block_count", 0, kExperts},
    {"interleave_moe_layer_step", 0, kExperts},
    {"nextn_predict_layers", 0, "layers that predict further tokens are not supported"},
    {"attention.causal", 1, "attention that is not causal is not supported"},
    {"pooling_type", 0, "pooled outputs are not supported"},
    {"attention.clamp_kqv", 0, "clamped queries, keys and values are not supported"},
    {"attention.max_alibi_bias", 0, "ALiBi is not supported"},
    {"attention.scale", 0, "another scale of attention than 1/sqrt(head size) is not supported"},
    {"attention.output_scale", 0, "scaled attention is not supported"},
    {"attention.temperature_scale", 0, "queries that grow with their position are not supported"},
    {"attention.temperature_length", 0, "queries that grow with their position are not supported"},
    {"attention.sliding_window", 0, "sliding windows are not supported"},
    {"attention.key_length_swa", 0, "heads of several sizes are not supported"},
    {"attention.value_length_swa", 0, "heads of several sizes are not supported"},
    {"attention.shared_kv_layers", 0, "layers that share keys and values are not supported"},
    {"attention.q_lora_rank", 0, "factored queries are not supported"},
    {"attention.kv_lora_rank", 0, "factored keys and values are not supported"},
    {"attn_logit_softcapping", 0, kSoftCaps},
    {"final_logit_softcapping", 0, kSoftCaps},
    {"router_logit_softcapping", 0, kSoftCaps},
    {"logit_scale", 1, "scaled logits are not supported"},
    {"embedding_scale", 1, "scaled embeddings are not supported"},
    {"residual_scale", 1, "scaled residuals are not supported"},
    {"use_parallel_residual", 0, "parallel residuals are not supported"},
    {"swin_norm", 0, "another order of norms is not supported"},
    {"rescale_every_n_layers", 0, "rescaled layers are not supported"},
    {"rope.dimension_sections", 0, "positions of several dimensions are not supported"},
    {"rope.dimension_count_swa", 0, "heads of several sizes are not supported"},
    {"rope.scaling.yarn_attn_factor", 1, "another magnitude of YaRN is not supported"},
    {"rope.scaling.yarn_log_multiplier", 0, "another magnitude of YaRN is not supported"},
};

bool contains(std::span<const std::string_view> list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

const Foreign* find_foreign(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kForeign), std::end(kForeign),
                                         [&](const Foreign& f) { return f.name == name; });
  return found == std::end(kForeign) ? nullptr : found;
}

// A flag or a number as one; nothing for texts and arrays.
std::optional<double> number_of(const Value& value) {
  if (const auto b = value.as_bool()) return *b ? 1.0 : 0.0;
  if (const auto i = value.as_int()) return static_cast<double>(*i);
  return value.as_real();
}

}  // namespace

ArchKeys::ArchKeys(const Metadata& metadata)
    : metadata_(metadata), architecture_(metadata.require_text("general.architecture")) {}

void ArchKeys::refuse_unless(std::string_view name, double neutral, std::string_view what) const {
  const Value* value = metadata_.find(key(name));
  if (value != nullptr && number_of(*value) != neutral) metadata_.fail(key(name), what);
}

std::vector<std::string> check_arch_keys(const ArchKeys& keys,
                                         std::span<const std::string_view> own) {
  const std::string prefix = keys.architecture() + ".";
  std::string unknown;
  for (const MetadataEntry& entry : keys.metadata()) {
    if (!entry.key.starts_with(prefix)) continue;
    const std::string_view name = std::string_view(entry.key).substr(prefix.size());
    if (contains(own, name) || contains(kRead, name) || contains(kInformational, name)) continue;
    if (const Foreign* foreign = find_foreign(name)) {
      keys.refuse_unless(name, foreign->neutral, foreign->what);
    } else {
      unknown += (unknown.empty() ? "" : ", ") + printable(entry.key);
    }
  }
  if (unknown.empty()) return {};
  return {"metadata that lathe knows nothing about, and does not use: " + unknown};
}

}  // namespace lathe
