// The float32 panel: 32 weight rows, a lane per row; column c is float[32] at 32 c. Serves F32, F16
// and BF16 weights exactly: activations stay as they are (float32, or bfloat16 widened on the way).
#pragma once

#include "kernels/avx512/float_rows.h"

namespace lathe {
namespace {

inline size_t panel_bytes_f32(size_t n_cols) noexcept { return n_cols * 128; }

template <Format F>
void pack_f32(const void* w, size_t row_stride, size_t n_rows, size_t n_cols,
              void* panel) noexcept {
  auto* out = static_cast<float*>(panel);
  for_vectors(n_cols, [&](size_t c, auto lanes) noexcept {
    for (size_t half = 0; half < 32; half += 16) {
      __m512i v[16];
      for (size_t i = 0; i < 16; ++i) {
        const auto* row = static_cast<const uint8_t*>(w) + (half + i) * row_stride;
        const bool present = half + i < n_rows;
        v[i] =
            present ? _mm512_castps_si512(load_floats<F>(row, c, lanes)) : _mm512_setzero_si512();
      }
      transpose_16x16(v);
      const size_t width = min_of(16, n_cols - c);
      for (size_t j = 0; j < width; ++j) _mm512_storeu_si512(out + (c + j) * 32 + half, v[j]);
    }
  });
}

// 32 rows x T tokens over columns of float32 activations, stride in floats.
template <size_t T>
inline void fma_columns(const float* panel, size_t n_cols, const float* x, size_t stride,
                        __m512 acc[T][2]) noexcept {
  for (size_t c = 0; c < n_cols; ++c) {
    const __m512 w0 = _mm512_loadu_ps(panel + 32 * c), w1 = _mm512_loadu_ps(panel + 32 * c + 16);
#pragma GCC unroll 12
    for (size_t t = 0; t < T; ++t) {
      const __m512 b = broadcast(x + t * stride + c);
      acc[t][0] = _mm512_fmadd_ps(w0, b, acc[t][0]);
      acc[t][1] = _mm512_fmadd_ps(w1, b, acc[t][1]);
    }
  }
}

constexpr size_t kWidened = 256;  // columns of bfloat16 activations that are widened at a time

template <size_t T>
inline void widen_tokens(const uint8_t* row, size_t stride, size_t n,
                         float out[T][kWidened]) noexcept {
  for (size_t t = 0; t < T; ++t) {
    const void* x = row + t * stride;
    for_vectors(n, [&](size_t i, auto lanes) noexcept {
      _mm512_store_ps(out[t] + i, load_floats<Format::BF16>(x, i, lanes));
    });
  }
}

template <ActKind A, size_t T>
[[gnu::noinline]] void multiply_tile_f32(const float* panel, size_t n_cols, const uint8_t* act,
                                         size_t act_stride, float* out, size_t out_stride,
                                         size_t n_rows) noexcept {
  __m512 acc[T][2];
#pragma GCC unroll 12
  for (size_t t = 0; t < T; ++t) acc[t][0] = acc[t][1] = _mm512_setzero_ps();
  if constexpr (A == ActKind::kF32) {
    fma_columns<T>(panel, n_cols, reinterpret_cast<const float*>(act), act_stride / 4, acc);
  } else {
    alignas(64) float x[T][kWidened];
    for (size_t c = 0; c < n_cols; c += kWidened) {
      const size_t width = min_of(kWidened, n_cols - c);
      widen_tokens<T>(act + 2 * c, act_stride, width, x);
      fma_columns<T>(panel + 32 * c, width, x[0], kWidened, acc);
    }
  }
  const __mmask16 low = first_lanes(n_rows), high = first_lanes(n_rows > 16 ? n_rows - 16 : 0);
#pragma GCC unroll 12
  for (size_t t = 0; t < T; ++t) {
    _mm512_mask_storeu_ps(out + t * out_stride, low, acc[t][0]);
    _mm512_mask_storeu_ps(out + t * out_stride + 16, high, acc[t][1]);
  }
}

template <ActKind A>
void multiply_f32(const void* panel, size_t n_rows, size_t n_cols, const void* act,
                  size_t act_stride, size_t n_tokens, float* out, size_t out_stride) noexcept {
  const auto* p = static_cast<const float*>(panel);
  const auto* x = static_cast<const uint8_t*>(act);
  size_t left = n_tokens;
  const auto tile = [&]<size_t T>() noexcept {
    multiply_tile_f32<A, T>(p, n_cols, x, act_stride, out, out_stride, n_rows);
    x += T * act_stride;
    out += T * out_stride;
    left -= T;
  };
  while (left >= 12) tile.template operator()<12>();
  if (left >= 8) tile.template operator()<8>();
  if (left >= 4) tile.template operator()<4>();
  if (left >= 2) tile.template operator()<2>();
  if (left >= 1) tile.template operator()<1>();
}

}  // namespace
}  // namespace lathe
