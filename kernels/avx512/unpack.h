// A row of any integer format, unpacked; and what follows from it for free: the decoder.
#pragma once

#include "kernels/avx512/unpack_iq.h"

namespace lathe {
namespace {

template <Format F>
inline void unpack(const void* blocks, size_t n, int8_t* codes, float* scales,
                   float* mins) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  const auto* b = static_cast<const typename BlockOf<F>::Type*>(blocks);
  for (size_t i = 0; i < n; i += kInfo.block_elems, ++b) {
    unpack_block(*b, codes + i, scales + i / kInfo.group,
                 mins + (kInfo.has_min ? i / kInfo.group : 0));
  }
}

// value = scale * code + minimum with both operations rounded: bit for bit what the formats define,
// because every format's scale times code is one product of the values that unpack returns.
template <Format F>
void decode(const void* blocks, size_t n, float* out) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  constexpr size_t kElems = kInfo.block_elems;
  const auto* b = static_cast<const typename BlockOf<F>::Type*>(blocks);
  alignas(64) int8_t codes[kElems];
  float scales[kElems / kInfo.group], mins[kElems / kInfo.group];
  for (size_t i = 0; i < n; i += kElems, ++b) {
    unpack_block(*b, codes, scales, mins);
    for (size_t j = 0; j < kElems; j += 16) {
      const __m512 q = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load16(codes + j)));
      __m512 y = _mm512_mul_ps(q, _mm512_set1_ps(scales[j / kInfo.group]));
      if constexpr (kInfo.has_min) y = _mm512_add_ps(y, _mm512_set1_ps(mins[j / kInfo.group]));
      _mm512_storeu_ps(out + i + j, y);
    }
  }
}

}  // namespace
}  // namespace lathe
