// The int8 panel: 32 weight rows interleaved so that a lane of a vector is a row.
//
// For every group of G columns (FormatInfo::group):
//
//   float scales[32]; float mins[32] (has_min only); uint8 codes[G / 4][32][4]
//
// Codes are unsigned, the u8 side of vpdpbusd: signed formats store code + 128 and their int32
// accumulators start from the activations' bias, so that the dot product is exact at no cost. Four
// activation codes of a token are broadcast to all lanes: no horizontal sums, and the result of a
// (row, token) pair is the same sequence of operations for any number of tokens. Super-blocks whose
// scales are small whole numbers have panels of their own (panel_super.h).
#pragma once

#include "kernels/avx512/unpack.h"

namespace lathe {
namespace {

constexpr size_t kPanelRows = 32;
constexpr size_t kChunk = 256;  // columns that are unpacked at a time

template <Format F>
struct PanelShape {
  static constexpr FormatInfo kInfo = format_info(F);
  static constexpr size_t kGroup = kInfo.group;
  static constexpr size_t kHeader = kPanelRows * 4 * (kInfo.has_min ? 2 : 1);
  static constexpr size_t kBytes = kHeader + kPanelRows * kGroup;  // of a group
};

template <Format F>
size_t panel_bytes(size_t n_cols) noexcept {
  return n_cols / PanelShape<F>::kGroup * PanelShape<F>::kBytes;
}

using CodeRows = int8_t[kPanelRows][kChunk];

struct alignas(64) UnpackedRows {
  CodeRows codes;
  float scales[kPanelRows][16];
  float mins[kPanelRows][16];
};

// Scales or minimums of `groups` groups to their places, group_bytes apart.
inline void interleave_floats(const float rows[][16], size_t groups, size_t group_bytes,
                              uint8_t* out) noexcept {
  for (size_t half = 0; half < 2; ++half) {
    __m512i v[16];
    for (size_t i = 0; i < 16; ++i) v[i] = _mm512_load_si512(rows[16 * half + i]);
    transpose_16x16(v);
    for (size_t g = 0; g < groups; ++g) {
      _mm512_storeu_si512(out + g * group_bytes + 64 * half, v[g]);
    }
  }
}

// Codes + offset of `width` columns to their groups of the panel.
template <class Shape>
inline void interleave_codes(const CodeRows& codes, size_t width, uint8_t offset,
                             uint8_t* panel) noexcept {
  const __m512i added = _mm512_set1_epi8(static_cast<char>(offset));
  for (size_t c = 0; c < width; c += 64) {
    for (size_t half = 0; half < 2; ++half) {
      __m512i v[16];
      for (size_t i = 0; i < 16; ++i) v[i] = _mm512_load_si512(codes[16 * half + i] + c);
      transpose_16x16(v);
      for (size_t j = 0; j < 16; ++j) {
        const size_t col = c + 4 * j;
        if (col >= width) break;
        uint8_t* group = panel + col / Shape::kGroup * Shape::kBytes + Shape::kHeader;
        uint8_t* out = group + col % Shape::kGroup * kPanelRows + 64 * half;
        _mm512_storeu_si512(out, _mm512_add_epi8(v[j], added));
      }
    }
  }
}

template <Format F>
void pack_int8(const void* w, size_t row_stride, size_t n_rows, size_t n_cols,
               void* panel) noexcept {
  using Shape = PanelShape<F>;
  UnpackedRows rows;
  if (n_rows < kPanelRows || n_cols % kChunk != 0) __builtin_memset(&rows, 0, sizeof rows);
  auto* out = static_cast<uint8_t*>(panel);
  for (size_t c = 0; c < n_cols; c += kChunk) {
    const size_t width = min_of(kChunk, n_cols - c), groups = width / Shape::kGroup;
    const auto* block = static_cast<const uint8_t*>(w) + row_bytes(F, c);
    for (size_t r = 0; r < n_rows; ++r, block += row_stride) {
      unpack<F>(block, width, rows.codes[r], rows.scales[r], rows.mins[r]);
    }
    interleave_floats(rows.scales, groups, Shape::kBytes, out);
    if constexpr (Shape::kInfo.has_min)
      interleave_floats(rows.mins, groups, Shape::kBytes, out + 128);
    interleave_codes<Shape>(rows.codes, width, Shape::kInfo.has_min ? 0 : 128, out);
    out += groups * Shape::kBytes;
  }
}

}  // namespace
}  // namespace lathe
