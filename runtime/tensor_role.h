// What a tensor is for, independent of the architecture: GGUF tensor names parsed to a role, a
// layer and a part. Plans, observers and weight overlays all speak of tensors this way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lathe {

enum class TensorRole : std::uint8_t {
  kTokenEmbd,
  kOutput,
  kOutputNorm,
  kRopeFreqs,
  kAttnNorm,
  kAttnQ,
  kAttnK,
  kAttnV,
  kAttnQkv,  // fused rows: q, then k, then v
  kAttnOutput,
  kAttnQNorm,
  kAttnKNorm,
  kPostAttentionNorm,
  kFfnNorm,
  kFfnGate,
  kFfnUp,
  kFfnDown,
  kPostFfwNorm,
};
inline constexpr std::size_t kTensorRoleCount = 18;

enum class TensorPart : std::uint8_t { kWeight, kBias };

struct TensorId {
  TensorRole role;
  int layer;  // -1 for tensors of the whole model
  TensorPart part = TensorPart::kWeight;

  bool operator==(const TensorId&) const = default;
};

// "attn_q", "token_embd", ...: the stem of the GGUF name.
std::string_view role_name(TensorRole role) noexcept;
// True for roles that stand in a layer ("blk.N.").
bool role_is_per_layer(TensorRole role) noexcept;
// "blk.7.attn_q.weight" -> {kAttnQ, 7, kWeight}; nothing for names that no role has.
std::optional<TensorId> parse_tensor_name(std::string_view name) noexcept;
std::string tensor_name(TensorId id);

}  // namespace lathe
