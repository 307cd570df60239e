// Decoding of any format to float32, from the block functions of unpack.h.
#pragma once

#include <cstring>

#include "kernels/scalar/floats.h"
#include "kernels/scalar/unpack.h"

namespace lathe {
namespace {

template <Format F>
inline void unpack_row(const void* blocks, std::size_t n, std::int8_t* codes, float* scales,
                       float* mins) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  constexpr std::size_t kGroups = kInfo.block_elems / kInfo.group;
  const auto* b = static_cast<const typename BlockOf<F>::Type*>(blocks);
  for (std::size_t i = 0; i < n / kInfo.block_elems; ++i) {
    unpack_block(b[i], codes + i * kInfo.block_elems, scales + i * kGroups,
                 kInfo.has_min ? mins + i * kGroups : nullptr);
  }
}

template <typename T>
inline void decode_floats(const void* blocks, std::size_t n, float* out) noexcept {
  const auto* x = static_cast<const T*>(blocks);
  for (std::size_t i = 0; i < n; ++i) out[i] = to_f32(x[i]);
}

template <Format F>
inline void decode_blocks(const void* blocks, std::size_t n, float* out) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  constexpr std::size_t kGroups = kInfo.block_elems / kInfo.group;
  const auto* b = static_cast<const typename BlockOf<F>::Type*>(blocks);
  std::int8_t codes[kInfo.block_elems];
  float scales[kGroups], mins[kGroups];
  for (std::size_t i = 0; i < n / kInfo.block_elems; ++i, out += kInfo.block_elems) {
    unpack_block(b[i], codes, scales, mins);
    for (std::size_t e = 0; e < kInfo.block_elems; ++e) {
      const float value = scales[e / kInfo.group] * static_cast<float>(codes[e]);
      out[e] = kInfo.has_min ? value + mins[e / kInfo.group] : value;
    }
  }
}

template <Format F>
inline void decode_row(const void* blocks, std::size_t n, float* out) noexcept {
  if constexpr (F == Format::F32) {
    decode_floats<float>(blocks, n, out);
  } else if constexpr (F == Format::F16) {
    decode_floats<BlockF16>(blocks, n, out);
  } else if constexpr (F == Format::BF16) {
    decode_floats<BlockBF16>(blocks, n, out);
  } else {
    decode_blocks<F>(blocks, n, out);
  }
}

}  // namespace
}  // namespace lathe
