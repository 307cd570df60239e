// Names of tensors in checkpoints, and what they are called in GGUF.
#pragma once

#include <string>
#include <string_view>

#include "models/import/checkpoint_config.h"

namespace lathe {

enum class TensorUse : std::uint8_t {
  kPlain,
  kQueries,  // rows by head, of n_head heads
  kKeys,     // the same of the heads of keys
  kLeftOut,  // of another part of the model, or what the configuration says, too
  kUnknown,
};

struct TensorMapping {
  TensorUse use = TensorUse::kUnknown;
  std::string name{};  // in GGUF
};

TensorMapping map_tensor(std::string_view name, const CheckpointConfig& config);

}  // namespace lathe
