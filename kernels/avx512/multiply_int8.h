// The inner loops of int8 panels: 32 rows x up to 6 tokens, vpdpbusd.
//
// Twelve int32 accumulators and twelve float sums stay in registers. By count the loop is bound by
// vector arithmetic (per group of 32 columns 8 dot products and 2 to 4 float operations per vector
// of 16 rows) or, where two threads share a core, by the number of instructions: sums in memory let
// 8 tokens share a load of weights, and were slower for their loads and stores.
#pragma once

#include "kernels/avx512/common.h"

namespace lathe {
namespace {

struct Int8Panel {  // of a format: what its loops depend on
  size_t group;
  bool has_min;
  ActKind act;
  constexpr size_t header() const noexcept { return has_min ? 256 : 128; }
  constexpr size_t bytes() const noexcept { return header() + 32 * group; }
  constexpr bool operator==(const Int8Panel&) const noexcept = default;
};

struct TokenView {  // rows of the first token of a tile; others are `stride` bytes apart
  const uint8_t* row;
  size_t stride;
  ActLayout layout;

  const void* at(size_t token, size_t offset) const noexcept {
    return row + token * stride + offset;
  }
  const float* floats(size_t token, size_t offset) const noexcept {
    return static_cast<const float*>(at(token, offset));
  }
};

template <size_t T>
struct alignas(64) FloatTile {
  float v[T][2][16];
};

// acc += dot products of kColumns columns, exact; `a`: codes of the first token there.
template <size_t kColumns, size_t T>
inline void dot_columns(const uint8_t* codes, const uint8_t* a, size_t stride,
                        __m512i acc[T][2]) noexcept {
#pragma GCC unroll 8
  for (size_t k = 0; k < kColumns / 4; ++k) {
    const __m512i w0 = _mm512_loadu_si512(codes + 128 * k);
    const __m512i w1 = _mm512_loadu_si512(codes + 128 * k + 64);
#pragma GCC unroll 8
    for (size_t t = 0; t < T; ++t) {
      const __m512i b = broadcast4(a + t * stride + 4 * k);
      acc[t][0] = _mm512_dpbusd_epi32(acc[t][0], w0, b);
      acc[t][1] = _mm512_dpbusd_epi32(acc[t][1], w1, b);
    }
  }
}

// What the dot products of a group start from.
template <Int8Panel P, size_t T>
inline void start_group(const TokenView& x, size_t group, __m512i acc[T][2]) noexcept {
  const size_t bias = (P.group == 32 ? x.layout.bias32 : x.layout.bias16) + 4 * group;
#pragma GCC unroll 8
  for (size_t t = 0; t < T; ++t) {
    acc[t][0] = acc[t][1] = P.has_min ? _mm512_setzero_si512() : broadcast4(x.at(t, bias));
  }
}

// sum += scale * dot product + minimum * sum of codes, of one group; times the activations' scale
// where they have one per 32 columns.
template <Int8Panel P, size_t T>
inline void add_group(const uint8_t* panel, const TokenView& x, size_t group,
                      __m512 sum[T][2]) noexcept {
  __m512i acc[T][2];
  start_group<P, T>(x, group, acc);
  dot_columns<P.group, T>(panel + P.header(), x.row + group * P.group, x.stride, acc);
  const size_t sums = (P.group == 32 ? x.layout.sums32 : x.layout.sums16) + 4 * group;
  const size_t factor = x.layout.scales + 4 * (group * P.group / 32);
#pragma GCC unroll 8
  for (size_t t = 0; t < T; ++t) {
    __m512 a, code_sum;
    if constexpr (P.act == ActKind::kQ8x32) a = broadcast(x.floats(t, factor));
    if constexpr (P.has_min) code_sum = broadcast(x.floats(t, sums));
#pragma GCC unroll 2
    for (size_t h = 0; h < 2; ++h) {
      const __m512 scale = _mm512_loadu_ps(panel + 64 * h);
      const __m512 dot = _mm512_cvtepi32_ps(acc[t][h]);
      if constexpr (P.act == ActKind::kQ8x32 && P.has_min) {
        const __m512 min = _mm512_loadu_ps(panel + 128 + 64 * h);
        const __m512 both = _mm512_fmadd_ps(min, code_sum, _mm512_mul_ps(dot, scale));
        sum[t][h] = _mm512_fmadd_ps(both, a, sum[t][h]);
      } else if constexpr (P.act == ActKind::kQ8x32) {
        sum[t][h] = _mm512_fmadd_ps(_mm512_mul_ps(dot, a), scale, sum[t][h]);
      } else {
        sum[t][h] = _mm512_fmadd_ps(dot, scale, sum[t][h]);
        if constexpr (P.has_min) {
          const __m512 min = _mm512_loadu_ps(panel + 128 + 64 * h);
          sum[t][h] = _mm512_fmadd_ps(min, code_sum, sum[t][h]);
        }
      }
    }
  }
}

template <size_t T>
inline void clear(__m512 sum[T][2]) noexcept {
#pragma GCC unroll 8
  for (size_t t = 0; t < T; ++t) sum[t][0] = sum[t][1] = _mm512_setzero_ps();
}

// total += scale of 256 activations * part.
template <size_t T>
inline void add_chunk(const TokenView& x, size_t chunk, const __m512 part[T][2],
                      FloatTile<T>& total) noexcept {
#pragma GCC unroll 8
  for (size_t t = 0; t < T; ++t) {
    const __m512 a = broadcast(x.floats(t, x.layout.scales + 4 * chunk));
#pragma GCC unroll 2
    for (size_t h = 0; h < 2; ++h) {
      const __m512 s = _mm512_load_ps(total.v[t][h]);
      _mm512_store_ps(total.v[t][h], _mm512_fmadd_ps(part[t][h], a, s));
    }
  }
}

struct OutTile {
  float* p;
  size_t stride;
  __mmask16 rows[2];
};

template <size_t T>
inline void put(const __m512 sum[T][2], FloatTile<T>& out) noexcept {
  for (size_t t = 0; t < T; ++t) {
    for (size_t h = 0; h < 2; ++h) _mm512_store_ps(out.v[t][h], sum[t][h]);
  }
}

template <size_t T>
inline void store_tile(const FloatTile<T>& sums, OutTile out) noexcept {
  for (size_t t = 0; t < T; ++t, out.p += out.stride) {
    _mm512_mask_storeu_ps(out.p, out.rows[0], _mm512_load_ps(sums.v[t][0]));
    _mm512_mask_storeu_ps(out.p + 16, out.rows[1], _mm512_load_ps(sums.v[t][1]));
  }
}

// By value and with local sums: nothing that the loop reads can alias what it writes.
template <Int8Panel P, size_t T>
[[gnu::noinline]] void multiply_tile(const uint8_t* panel, size_t n_cols, TokenView x,
                                     OutTile out) noexcept {
  const size_t n_groups = n_cols / P.group;
  FloatTile<T> total = {};
  __m512 sum[T][2];
  clear<T>(sum);
  if constexpr (P.act == ActKind::kQ8x256) {
    constexpr size_t kOfChunk = 256 / P.group;
    for (size_t g = 0; g < n_groups; g += kOfChunk) {
      for (size_t i = g; i < g + kOfChunk; ++i, panel += P.bytes())
        add_group<P, T>(panel, x, i, sum);
      add_chunk<T>(x, g / kOfChunk, sum, total);
      clear<T>(sum);
    }
  } else {
    for (size_t g = 0; g < n_groups; ++g, panel += P.bytes()) add_group<P, T>(panel, x, g, sum);
    put<T>(sum, total);
  }
  store_tile<T>(total, out);
}

// Activations and results of a call: those of a tile that begins with token t.
struct Product {
  const void* act;
  size_t act_stride;
  ActLayout layout;
  float* out;
  size_t out_stride, n_rows;

  TokenView tokens(size_t t) const noexcept {
    return {static_cast<const uint8_t*>(act) + t * act_stride, act_stride, layout};
  }
  OutTile results(size_t t) const noexcept {
    return {out + t * out_stride,
            out_stride,
            {first_lanes(n_rows), first_lanes(n_rows > 16 ? n_rows - 16 : 0)}};
  }
};

template <Int8Panel P>
void multiply_int8(const void* panel, size_t n_rows, size_t n_cols, const void* act,
                   size_t act_stride, size_t n_tokens, float* out, size_t out_stride) noexcept {
  const Product product = {act, act_stride, act_layout(P.act, n_cols), out, out_stride, n_rows};
  for_token_tiles<6>(n_tokens, [&]<size_t T>(size_t t) noexcept {
    multiply_tile<P, T>(static_cast<const uint8_t*>(panel), n_cols, product.tokens(t),
                        product.results(t));
  });
}

}  // namespace
}  // namespace lathe
