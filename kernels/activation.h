// Activations as matrix products read them: one converted row per token.
//
// A converted row is one block of memory with planar parts, the same in every tier, so that tiers
// can be compared part by part. kF32 and kBF16 rows are plain arrays. int8 rows hold, for n columns
// (n a multiple of 32, of 256 for kQ8x256; every part starts on a 64-byte boundary of the row):
//
//   codes   int8  [n]       q = round-to-nearest-even(x * inverse), within -127..127
//   scales  float [n / B]   max|x| / 127 over B = 32 (kQ8x32) or 256 (kQ8x256) columns
//   sums16  float [n / 16]  sum of 16 codes, an exact integer: meets the minimums of a format
//   sums32  float [n / 32]  sum of 32 codes
//   bias16  int32 [n / 16]  -128 * sum of 16 codes: what a dot product of codes with weights that
//   bias32  int32 [n / 32]  are stored as (w + 128) starts from, so that u8 x s8 instructions serve
//                           signed weights at no cost
//   words16 int16 [n / 16]  sum of 16 codes: meets integer minimums and offsets two at a time
//
// inverse = 127 / max|x|, one float32 division. Where max|x| < 2^-120 (the quotient could overflow)
// the block counts as zero: scale 0, codes 0. So defined, all tiers give the same bytes for finite
// values; for a block with NaN or infinity they are unspecified.
//
// Scales stay in float32: a product of two rounded values is closer to the truth than the half
// precision that the file formats of the same family would store.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace lathe {

static constexpr std::size_t round_up_64(std::size_t bytes) noexcept {
  return (bytes + 63) / 64 * 64;
}

struct ActLayout {
  std::size_t scales, sums16, sums32, bias16, bias32,
      words16;              // byte offsets in a row; codes are at 0
  std::size_t row_bytes;    // a multiple of 64
  std::size_t scale_elems;  // columns per scale
};

static constexpr ActLayout act_layout(ActKind kind, std::size_t n) noexcept {
  ActLayout l = {};
  if (kind == ActKind::kF32 || kind == ActKind::kBF16) {
    l.row_bytes = round_up_64(n * (kind == ActKind::kF32 ? 4 : 2));
    return l;
  }
  l.scale_elems = kind == ActKind::kQ8x32 ? 32 : 256;
  l.scales = round_up_64(n);
  l.sums16 = l.scales + round_up_64(n / l.scale_elems * 4);
  l.sums32 = l.sums16 + round_up_64(n / 16 * 4);
  l.bias16 = l.sums32 + round_up_64(n / 32 * 4);
  l.bias32 = l.bias16 + round_up_64(n / 16 * 4);
  l.words16 = l.bias32 + round_up_64(n / 32 * 4);
  l.row_bytes = l.words16 + round_up_64(n / 16 * 2);
  return l;
}

// Typed pointers into one converted int8 row.
struct ActRow {
  const std::int8_t* codes;
  const float* scales;
  const float* sums16;
  const float* sums32;
  const std::int32_t* bias16;
  const std::int32_t* bias32;
  const std::int16_t* words16;

  // Always inlined: the tiers must not share a copy (kernels/tiers.h).
  [[gnu::always_inline]] ActRow(const void* row, const ActLayout& l) noexcept {
    const auto* p = static_cast<const std::uint8_t*>(row);
    codes = reinterpret_cast<const std::int8_t*>(p);
    scales = reinterpret_cast<const float*>(p + l.scales);
    sums16 = reinterpret_cast<const float*>(p + l.sums16);
    sums32 = reinterpret_cast<const float*>(p + l.sums32);
    bias16 = reinterpret_cast<const std::int32_t*>(p + l.bias16);
    bias32 = reinterpret_cast<const std::int32_t*>(p + l.bias32);
    words16 = reinterpret_cast<const std::int16_t*>(p + l.words16);
  }
};

}  // namespace lathe
