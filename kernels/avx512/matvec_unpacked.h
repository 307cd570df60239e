// Any integer format times few tokens: 256 columns of a row are unpacked to the stack and meet
// the activations with vpdpbusd.
#pragma once

#include "kernels/avx512/matvec.h"
#include "kernels/avx512/unpack.h"

namespace lathe {
namespace {

struct alignas(64) UnpackedChunk {
  int8_t codes[256];
  float scales[16];
  float mins[16];
};

// Lane to group of columns: slice i of 64 columns, groups of `group` columns.
inline __m512i group_of_lane(size_t slice, size_t group) noexcept {
  const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i shift = _mm512_set1_epi32(group == 32 ? 3 : 2);
  const int first = static_cast<int>(slice * 64 / group);
  return _mm512_add_epi32(_mm512_srlv_epi32(lanes, shift), _mm512_set1_epi32(first));
}

// Activation scale of each group of a chunk of `width` columns from column c on.
template <Format F>
inline __m512 group_scales(const ActRow& x, size_t c, size_t width) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  if constexpr (kInfo.act == ActKind::kQ8x256) return broadcast(x.scales + c / 256);
  const __m512 scales = _mm512_maskz_loadu_ps(first_lanes(width / 32), x.scales + c / 32);
  if constexpr (kInfo.group == 32) return scales;
  return _mm512_permutexvar_ps(_mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0),
                               scales);
}

// Exact dot products of 64 (or, in a tail, 32) columns: lane l holds those of columns 4 l to 4 l
// + 3. vpdpbusd wants unsigned weights: their signs move to the activations.
template <bool kSigned>
inline __m512i dot64(const int8_t* codes, const int8_t* act, size_t columns) noexcept {
  const __mmask64 valid = columns >= 64 ? ~__mmask64{0} : __mmask64{0xffffffff};
  // By halves, as unpacking stores them: a load can take only one store from the store buffer.
  const __m512i q =
      _mm512_inserti64x4(_mm512_castsi256_si512(load32(codes)), load32(codes + 32), 1);
  const __m512i zero = _mm512_setzero_si512();
  const __m512i a = _mm512_maskz_loadu_epi8(valid, act);
  if constexpr (!kSigned) return _mm512_dpbusd_epi32(zero, q, a);
  const __m512i signed_a = _mm512_mask_sub_epi8(a, _mm512_movepi8_mask(q), zero, a);
  return _mm512_dpbusd_epi32(zero, _mm512_abs_epi8(q), signed_a);
}

// kWhole: 256 columns, with everything unrolled. Two sums, to halve the chain of additions.
template <Format F, bool kWhole>
inline void add_unpacked(const UnpackedChunk& w, const ActRow& x, size_t c, size_t n,
                         __m512 sum[2]) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  const size_t width = kWhole ? 256 : n;
  const __m512 act_scales = group_scales<F>(x, c, width);
  const __mmask16 groups = first_lanes(width / kInfo.group);
  const __m512 scales = _mm512_mul_ps(_mm512_load_ps(w.scales), act_scales);
  if constexpr (kInfo.has_min) {
    const float* sums = kInfo.group == 32 ? x.sums32 : x.sums16;
    const __m512 mins = _mm512_mul_ps(_mm512_load_ps(w.mins), act_scales);
    const __m512 code_sums = _mm512_maskz_loadu_ps(groups, sums + c / kInfo.group);
    sum[1] = _mm512_mask3_fmadd_ps(mins, code_sums, sum[1], groups);
  }
#pragma GCC unroll 4
  for (size_t i = 0; i < width; i += 64) {
    const __m512i dot =
        dot64<!kInfo.has_min>(w.codes + i, x.codes + c + i, kWhole ? 64 : width - i);
    const __m512 s = _mm512_permutexvar_ps(group_of_lane(i / 64, kInfo.group), scales);
    __m512& to = sum[i / 64 % 2];
    to = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), s, to);
  }
}

// The last n < 256 columns of a row, from column c on.
template <size_t T, Format F>
inline void add_tail(const uint8_t* row, size_t c, size_t n, const Tokens& x,
                     __m512 sum[T]) noexcept {
  UnpackedChunk chunk = {};
  unpack<F>(row + row_bytes(F, c), n, chunk.codes, chunk.scales, chunk.mins);
  for (size_t t = 0; t < T; ++t) {
    __m512 parts[2] = {sum[t], _mm512_setzero_ps()};
    add_unpacked<F, false>(chunk, x.parts(t), c, n, parts);
    sum[t] = _mm512_add_ps(parts[0], parts[1]);
  }
}

// Chunks are unpacked one ahead of their use: vectors are loaded from what scalars and shorter
// vectors stored, which the store buffer cannot forward.
template <Format F>
struct UnpackedDot {
  template <size_t T>
  static void dot(const Rows& rows, size_t n_cols, const Tokens& x, const Results& out) noexcept {
    for (size_t r = 0; r < min_of(kTileRows<T>, rows.n_valid); ++r) {
      dot_row<T>(rows.first + r * rows.stride, n_cols, x, out.from(r, 0));
    }
  }

 private:
  template <size_t T>
  static void dot_row(const uint8_t* row, size_t n_cols, const Tokens& x,
                      const Results& out) noexcept {
    UnpackedChunk chunks[2] = {};
    const auto fill = [&](size_t c) noexcept {
      UnpackedChunk& w = chunks[c / 256 % 2];
      unpack<F>(row + row_bytes(F, c), min_of(256, n_cols - c), w.codes, w.scales, w.mins);
    };
    __m512 sum[T][2];
    for (auto& s : sum) s[0] = s[1] = _mm512_setzero_ps();
    fill(0);
    size_t c = 0;
    for (; c + 256 <= n_cols; c += 256) {
      if (c + 256 < n_cols) fill(c + 256);
      for (size_t t = 0; t < T; ++t) {
        add_unpacked<F, true>(chunks[c / 256 % 2], x.parts(t), c, 256, sum[t]);
      }
    }
    for (size_t t = 0; t < T; ++t) {
      if (c < n_cols) {
        add_unpacked<F, false>(chunks[c / 256 % 2], x.parts(t), c, n_cols - c, sum[t]);
      }
      out.at(0, t) = _mm512_reduce_add_ps(_mm512_add_ps(sum[t][0], sum[t][1]));
    }
  }
};

}  // namespace
}  // namespace lathe
