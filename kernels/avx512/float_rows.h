// Rows of F32, F16 and BF16 as vectors of 16 floats, whole and the rest of a row.
#pragma once

#include "kernels/avx512/common.h"

namespace lathe {
namespace {

template <Format F>
inline __m512 load_floats(const void* row, size_t i) noexcept {
  if constexpr (F == Format::F32) {
    return _mm512_loadu_ps(static_cast<const float*>(row) + i);
  } else {
    const auto* p = reinterpret_cast<const __m256i*>(static_cast<const uint16_t*>(row) + i);
    const __m256i h = _mm256_loadu_si256(p);
    return F == Format::F16 ? _mm512_cvtph_ps(h) : bf16_to_float(h);
  }
}

// Lanes outside `lanes` are zero and not read.
template <Format F>
inline __m512 load_floats(const void* row, size_t i, __mmask16 lanes) noexcept {
  if constexpr (F == Format::F32) {
    return _mm512_maskz_loadu_ps(lanes, static_cast<const float*>(row) + i);
  } else {
    const __m256i h = _mm256_maskz_loadu_epi16(lanes, static_cast<const uint16_t*>(row) + i);
    return F == Format::F16 ? _mm512_cvtph_ps(h) : bf16_to_float(h);
  }
}

template <Format F>
inline __m512 load_floats(const void* row, size_t i, AllLanes) noexcept {
  return load_floats<F>(row, i);
}

template <Format F>
void decode_floats(const void* blocks, size_t n, float* out) noexcept {
  for_vectors(n, [&](size_t i, auto lanes) noexcept {
    store(out + i, lanes, load_floats<F>(blocks, i, lanes));
  });
}

}  // namespace
}  // namespace lathe
