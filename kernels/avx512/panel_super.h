// Int8 panels of super-blocks whose codes, multiplied by the scales of their groups, fit a byte.
// Laid out as in panel_int8.h, but in groups of 256 columns:
//
//   OneScale       float d[32]; uint8 (scale * code + 127)[64][32][4]
//   OneScaleMins   with minimums: float d[32], dmin[32]; int16 mins[8][32][2], of 16 columns each;
//                  uint8 (scale * code)[64][32][4]
#pragma once

#include <type_traits>

#include "kernels/avx512/panel_int8.h"

namespace lathe {
namespace {

struct OneScale {
  static constexpr size_t kHeader = 128;
};
struct OneScaleMins {
  static constexpr size_t kMins = 256, kHeader = kMins + 1024;
};

// Which of them a format has; void: none.
template <Format F>
using SuperPanel = std::conditional_t<
    F == Format::Q2_K, OneScaleMins,
    std::conditional_t<F == Format::Q3_K || F == Format::TQ1_0 || F == Format::TQ2_0, OneScale,
                       void>>;

template <class P>
struct SuperShape {
  static constexpr size_t kGroup = 256, kHeader = P::kHeader;
  static constexpr size_t kBytes = kHeader + kPanelRows * kGroup;
};

template <class P>
size_t super_panel_bytes(size_t n_cols) noexcept {
  return n_cols / 256 * SuperShape<P>::kBytes;
}

// One block of each row, unpacked.
struct alignas(64) SuperRows {
  CodeRows codes;
  float d[kPanelRows], dmin[kPanelRows];
  uint8_t mins[kPanelRows][16];
};

// Codes times the scales of their groups of 16.
inline void multiply_codes(__m128i scales, int8_t* codes) noexcept {
  const __m512i words = _mm512_castsi256_si512(_mm256_cvtepi8_epi16(scales));
  const __m512i second = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(1), 1);
  for (int i = 0; i < 8; ++i) {  // two groups
    const __m512i index = _mm512_add_epi16(second, _mm512_set1_epi16(static_cast<short>(2 * i)));
    const __m512i q = _mm512_cvtepi8_epi16(load32(reinterpret_cast<uint8_t*>(codes) + 32 * i));
    const __m512i scaled = _mm512_mullo_epi16(q, _mm512_permutexvar_epi16(index, words));
    store32(codes + 32 * i, _mm512_cvtepi16_epi8(scaled));
  }
}

// Row r of a panel from its block.
inline void read_super_block(const BlockQ3_K& b, size_t r, SuperRows& rows) noexcept {
  alignas(64) float scales[16];
  unpack_block(b, rows.codes[r], scales, nullptr);
  multiply_codes(q3_scales(b.scales), rows.codes[r]);
  rows.d[r] = half_to_float(b.d);
}

template <class TernaryBlock>
inline void read_super_block(const TernaryBlock& b, size_t r, SuperRows& rows) noexcept {
  alignas(32) float scales[8];
  unpack_block(b, rows.codes[r], scales, nullptr);
  rows.d[r] = scales[0];
}

inline void read_super_block(const BlockQ2_K& b, size_t r, SuperRows& rows) noexcept {
  const __m128i s = load16(b.scales), mask = _mm_set1_epi8(15);
  for (int i = 0; i < 8; ++i) store32(rows.codes[r] + 32 * i, two_bits(b.qs, i / 4, i % 4));
  multiply_codes(_mm_and_si128(s, mask), rows.codes[r]);
  const __m128i mins = _mm_and_si128(_mm_srli_epi16(s, 4), mask);
  _mm_store_si128(reinterpret_cast<__m128i*>(rows.mins[r]), mins);
  rows.d[r] = half_to_float(b.d);
  rows.dmin[r] = -half_to_float(b.dmin);
}

// What stands before the codes of 256 columns.
inline void write_header(OneScale, const SuperRows& rows, uint8_t* out) noexcept {
  __builtin_memcpy(out, rows.d, sizeof rows.d);
}

inline void write_header(OneScaleMins, const SuperRows& rows, uint8_t* out) noexcept {
  __builtin_memcpy(out, rows.d, sizeof rows.d);
  __builtin_memcpy(out + 128, rows.dmin, sizeof rows.dmin);
  for (size_t half = 0; half < 2; ++half) {
    __m512i v[16];  // of a row, 8 pairs of words; columns of the transpose are pairs
    for (size_t i = 0; i < 16; ++i) {
      v[i] = _mm512_castsi256_si512(_mm256_cvtepu8_epi16(load16(rows.mins[16 * half + i])));
    }
    transpose_16x16(v);
    for (size_t p = 0; p < 8; ++p) {
      _mm512_storeu_si512(out + OneScaleMins::kMins + 128 * p + 64 * half, v[p]);
    }
  }
}

template <class P>
constexpr uint8_t kCodeOffset = 127;
template <>
constexpr uint8_t kCodeOffset<OneScaleMins> = 0;

template <Format F, class P>
void pack_super(const void* w, size_t row_stride, size_t n_rows, size_t n_cols,
                void* panel) noexcept {
  using Block = typename BlockOf<F>::Type;
  SuperRows rows;
  if (n_rows < kPanelRows) __builtin_memset(&rows, 0, sizeof rows);
  auto* out = static_cast<uint8_t*>(panel);
  for (size_t i = 0; i < n_cols / 256; ++i, out += SuperShape<P>::kBytes) {
    const auto* row = static_cast<const uint8_t*>(w);
    for (size_t r = 0; r < n_rows; ++r, row += row_stride) {
      read_super_block(reinterpret_cast<const Block*>(row)[i], r, rows);
    }
    write_header(P{}, rows, out);
    interleave_codes<SuperShape<P>>(rows.codes, kChunk, kCodeOffset<P>, out);
  }
}

}  // namespace
}  // namespace lathe
