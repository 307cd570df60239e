// What planning needs to know of a model: its tensors and a few numbers, from the header alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/gguf/tensor_info.h"

namespace lathe {

class TensorSource;

struct ModelHeader {
  std::string architecture;
  int n_layer = 0;
  int n_head = 1;                                // of the first layer
  int n_head_kv = 1;                             // of the first layer
  std::vector<int> layer_heads, layer_heads_kv;  // by layer where the file lists them, else empty
  bool tied_output = false;
  std::optional<std::uint32_t> file_type;  // general.file_type, where it is a number
  std::vector<TensorInfo> tensors;  // in the order of files: model-wide ones by name, then by layer
};

// Error (kBadInput) for a file that is no model. Of architectures that lathe does not know too:
// without a usable number of layers, the names of the tensors say it; heads count as 1.
ModelHeader read_model_header(const TensorSource& source);

// 7 for "blk.7.attn_q.weight"; -1 for names that stand in no layer.
int layer_of_tensor(std::string_view name) noexcept;

// Layer (-1 first), then name byte by byte: the order in which quantized files hold their tensors.
bool tensor_order_less(std::string_view a, std::string_view b) noexcept;

}  // namespace lathe
