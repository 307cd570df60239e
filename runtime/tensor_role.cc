#include "runtime/tensor_role.h"

#include <array>
#include <charconv>

namespace lathe {
namespace {

struct RoleInfo {
  TensorRole role;
  std::string_view name;
  bool per_layer;
};

constexpr std::array<RoleInfo, kTensorRoleCount> kRoles = {{
    {TensorRole::kTokenEmbd, "token_embd", false},
    {TensorRole::kOutput, "output", false},
    {TensorRole::kOutputNorm, "output_norm", false},
    {TensorRole::kRopeFreqs, "rope_freqs", false},
    {TensorRole::kAttnNorm, "attn_norm", true},
    {TensorRole::kAttnQ, "attn_q", true},
    {TensorRole::kAttnK, "attn_k", true},
    {TensorRole::kAttnV, "attn_v", true},
    {TensorRole::kAttnQkv, "attn_qkv", true},
    {TensorRole::kAttnOutput, "attn_output", true},
    {TensorRole::kAttnQNorm, "attn_q_norm", true},
    {TensorRole::kAttnKNorm, "attn_k_norm", true},
    {TensorRole::kPostAttentionNorm, "post_attention_norm", true},
    {TensorRole::kFfnNorm, "ffn_norm", true},
    {TensorRole::kFfnGate, "ffn_gate", true},
    {TensorRole::kFfnUp, "ffn_up", true},
    {TensorRole::kFfnDown, "ffn_down", true},
    {TensorRole::kPostFfwNorm, "post_ffw_norm", true},
}};

constexpr bool table_is_in_order_of_the_enum() {
  for (std::size_t i = 0; i < kRoles.size(); ++i) {
    if (static_cast<std::size_t>(kRoles[i].role) != i) return false;
  }
  return true;
}
static_assert(table_is_in_order_of_the_enum());

const RoleInfo& info(TensorRole role) noexcept { return kRoles[static_cast<std::size_t>(role)]; }

// Cuts "blk.N." off the front and returns N; -1, and name untouched, when it does not start so.
// Numbers are plain decimals without leading zeros: two names must not mean one tensor.
int take_layer(std::string_view& name) noexcept {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return -1;
  const char* begin = name.data() + kPrefix.size();
  const char* end = name.data() + name.size();
  int layer = -1;
  const auto [after, error] = std::from_chars(begin, end, layer);
  if (error != std::errc{} || layer < 0 || after == end || *after != '.') return -1;
  if (*begin == '0' && after - begin > 1) return -1;
  name.remove_prefix(static_cast<std::size_t>(after + 1 - name.data()));
  return layer;
}

bool take_suffix(std::string_view& name, std::string_view suffix) noexcept {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

}  // namespace

std::string_view role_name(TensorRole role) noexcept { return info(role).name; }
bool role_is_per_layer(TensorRole role) noexcept { return info(role).per_layer; }

std::optional<TensorId> parse_tensor_name(std::string_view name) noexcept {
  const int layer = take_layer(name);
  TensorPart part = TensorPart::kWeight;
  if (take_suffix(name, ".bias")) {
    part = TensorPart::kBias;
  } else if (!take_suffix(name, ".weight")) {
    return std::nullopt;
  }
  for (const RoleInfo& r : kRoles) {
    if (r.name == name && r.per_layer == (layer >= 0)) return TensorId{r.role, layer, part};
  }
  return std::nullopt;
}

std::string tensor_name(TensorId id) {
  std::string name;
  if (role_is_per_layer(id.role)) name = "blk." + std::to_string(id.layer) + ".";
  name += role_name(id.role);
  name += id.part == TensorPart::kBias ? ".bias" : ".weight";
  return name;
}

}  // namespace lathe
