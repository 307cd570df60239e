// What a model's bytes are spent on: totals of elements, bytes and bits per weight, by layer, by
// what the tensors are for, and by format.
//
// Bits per weight = 8 x bytes of all tensors / elements of all tensors; metadata and padding are
// not counted. Works on names alone ("blk.LAYER.ROLE.weight"), so for any architecture.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gguf/tensor_info.h"

namespace lathe {

// "blk.7.attn_q.weight" -> {7, "attn_q"}; "blk.7.attn_q.bias" -> {7, "attn_q.bias"};
// "output.weight" -> {-1, "output"}.
struct TensorPlace {
  int layer = -1;  // -1: of the whole model
  std::string role;
};
TensorPlace tensor_place(std::string_view name);

struct SizeGroup {
  std::string name;
  std::uint64_t n_tensors = 0;
  std::uint64_t n_elements = 0;
  std::uint64_t n_bytes = 0;
  std::array<std::uint32_t, kFormatCount> tensors_of_format{};

  double bits_per_weight() const noexcept {  // 0 for an empty group
    return n_elements == 0 ? 0.0
                           : 8.0 * static_cast<double>(n_bytes) / static_cast<double>(n_elements);
  }
};

struct SizeSummary {
  SizeGroup total;
  std::vector<SizeGroup> by_layer;   // "blk.0", "blk.1", ...; then "-" for the rest, if any
  std::vector<SizeGroup> by_role;    // in the order of their first tensor
  std::vector<SizeGroup> by_format;  // largest first
};

SizeSummary summarize_sizes(std::span<const TensorInfo> tensors);

}  // namespace lathe
