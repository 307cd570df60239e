// How the numbers of a super-block lie in its bits, for the grid formats: what encoders and
// calibrated rounding write, and the scales that the latter reads back. Layouts: kernels/formats.
//
// Fields is any struct with the numbers as members: d (.bits), codes (one per sub-block), indices
// (of points), signs (a byte of bits for 8 elements), offsets (IQ1: which of two, for 8 elements).
// Everything here has internal linkage, because encoders are compiled once per instruction set.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/formats/blocks.h"

namespace lathe {

// ---- pieces

// The 7 sign bits that are stored; the eighth follows from parity.
static inline unsigned seven_bits(std::uint8_t signs) noexcept { return signs & 127u; }

// Four sign indices and the scale code of a group of 32.
template <class Fields>
static inline std::uint32_t signs_and_code(const Fields& f, int ib) noexcept {
  std::uint32_t word = static_cast<std::uint32_t>(f.codes[ib]) << 28;
  for (int t = 0; t < 4; ++t) word |= seven_bits(f.signs[4 * ib + t]) << 7 * t;
  return word;
}

// Two codes of 16 elements each to a byte, per group of 32.
template <class Fields>
static inline void pack_code_pairs(const Fields& f, std::uint8_t* scales) noexcept {
  for (int ib = 0; ib < 8; ++ib) {
    scales[ib] = static_cast<std::uint8_t>(f.codes[2 * ib] | f.codes[2 * ib + 1] << 4);
  }
}
static inline void unpack_code_pairs(const std::uint8_t* scales, std::uint8_t* codes) noexcept {
  for (int ib = 0; ib < 8; ++ib) {
    codes[2 * ib] = scales[ib] & 15;
    codes[2 * ib + 1] = static_cast<std::uint8_t>(scales[ib] >> 4);
  }
}

static inline std::uint32_t word_at(const void* bytes) noexcept {
  std::uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// ---- IQ3

template <class Fields>
static inline void pack(const Fields& f, BlockIQ3_S* out) noexcept {
  std::memset(out, 0, sizeof *out);
  out->d = f.d.bits;
  for (int i = 0; i < 64; ++i) {
    out->qs[i] = static_cast<std::uint8_t>(f.indices[i]);
    out->qh[i / 8] |= static_cast<std::uint8_t>(f.indices[i] >> 8 << i % 8);
  }
  std::memcpy(out->signs, f.signs, sizeof out->signs);
  for (int ib = 0; ib < 8; ++ib) {
    out->scales[ib / 2] |= static_cast<std::uint8_t>(f.codes[ib] << 4 * (ib % 2));
  }
}
static inline std::uint16_t unpack_codes(const BlockIQ3_S& in, std::uint8_t* codes) noexcept {
  for (int ib = 0; ib < 8; ++ib) codes[ib] = in.scales[ib / 2] >> 4 * (ib % 2) & 15;
  return in.d;
}

template <class Fields>
static inline void pack(const Fields& f, BlockIQ3_XXS* out) noexcept {
  out->d = f.d.bits;
  for (int i = 0; i < 64; ++i) out->qs[i] = static_cast<std::uint8_t>(f.indices[i]);
  for (int ib = 0; ib < 8; ++ib) {
    const std::uint32_t word = signs_and_code(f, ib);
    std::memcpy(out->scales_signs + 4 * ib, &word, sizeof word);
  }
}
static inline std::uint16_t unpack_codes(const BlockIQ3_XXS& in, std::uint8_t* codes) noexcept {
  for (int ib = 0; ib < 8; ++ib) {
    codes[ib] = static_cast<std::uint8_t>(word_at(in.scales_signs + 4 * ib) >> 28);
  }
  return in.d;
}

// ---- IQ2

template <class Fields>
static inline void pack(const Fields& f, BlockIQ2_S* out) noexcept {
  std::memset(out->qh, 0, sizeof out->qh);
  out->d = f.d.bits;
  for (int i = 0; i < 32; ++i) {
    out->qs[i] = static_cast<std::uint8_t>(f.indices[i]);
    out->qh[i / 4] |= static_cast<std::uint8_t>(f.indices[i] >> 8 << 2 * (i % 4));
  }
  std::memcpy(out->signs, f.signs, sizeof out->signs);
  pack_code_pairs(f, out->scales);
}
static inline std::uint16_t unpack_codes(const BlockIQ2_S& in, std::uint8_t* codes) noexcept {
  unpack_code_pairs(in.scales, codes);
  return in.d;
}

template <class Fields>
static inline void pack(const Fields& f, BlockIQ2_XS* out) noexcept {
  out->d = f.d.bits;
  for (int i = 0; i < 32; ++i) {
    out->qs[i] = static_cast<std::uint16_t>(f.indices[i] | seven_bits(f.signs[i]) << 9);
  }
  pack_code_pairs(f, out->scales);
}
static inline std::uint16_t unpack_codes(const BlockIQ2_XS& in, std::uint8_t* codes) noexcept {
  unpack_code_pairs(in.scales, codes);
  return in.d;
}

template <class Fields>
static inline void pack(const Fields& f, BlockIQ2_XXS* out) noexcept {
  out->d = f.d.bits;
  for (int ib = 0; ib < 8; ++ib) {
    std::uint32_t words[2] = {0, signs_and_code(f, ib)};
    for (int t = 0; t < 4; ++t) {
      words[0] |= static_cast<std::uint32_t>(f.indices[4 * ib + t]) << 8 * t;
    }
    std::memcpy(out->qs + 4 * ib, words, sizeof words);
  }
}
static inline std::uint16_t unpack_codes(const BlockIQ2_XXS& in, std::uint8_t* codes) noexcept {
  for (int ib = 0; ib < 8; ++ib) {
    codes[ib] = static_cast<std::uint8_t>(word_at(in.qs + 4 * ib + 2) >> 28);
  }
  return in.d;
}

// ---- IQ1

template <class Fields>
static inline void pack(const Fields& f, BlockIQ1_S* out) noexcept {
  out->d = f.d.bits;
  for (int ib = 0; ib < 8; ++ib) {
    unsigned high = static_cast<unsigned>(f.codes[ib]) << 12;
    high |= static_cast<unsigned>(f.offsets[4 * ib]) << 15;
    for (int l = 0; l < 4; ++l) {
      const unsigned index = f.indices[4 * ib + l];
      out->qs[4 * ib + l] = static_cast<std::uint8_t>(index);
      high |= index >> 8 << 3 * l;
    }
    out->qh[ib] = static_cast<std::uint16_t>(high);
  }
}
static inline std::uint16_t unpack_codes(const BlockIQ1_S& in, std::uint8_t* codes) noexcept {
  for (int ib = 0; ib < 8; ++ib) codes[ib] = in.qh[ib] >> 12 & 7;
  return in.d;
}

template <class Fields>
static inline void pack(const Fields& f, BlockIQ1_M* out) noexcept {
  std::memset(out, 0, sizeof *out);
  for (int t = 0; t < 32; ++t) {
    const unsigned high = f.indices[t] >> 8 | static_cast<unsigned>(f.offsets[t]) << 3;
    out->qs[t] = static_cast<std::uint8_t>(f.indices[t]);
    out->qh[t / 2] |= static_cast<std::uint8_t>(high << 4 * (t % 2));
  }
  for (int k = 0; k < 16; ++k) {
    out->scales[k / 4] |= static_cast<std::uint16_t>(f.codes[k] << 3 * (k % 4));
  }
  for (int i = 0; i < 4; ++i) {  // the super-scale, a nibble in each
    out->scales[i] |= static_cast<std::uint16_t>((f.d.bits >> 4 * i & 15) << 12);
  }
}
static inline std::uint16_t unpack_codes(const BlockIQ1_M& in, std::uint8_t* codes) noexcept {
  for (int k = 0; k < 16; ++k) codes[k] = in.scales[k / 4] >> 3 * (k % 4) & 7;
  unsigned bits = 0;
  for (int i = 0; i < 4; ++i) bits |= static_cast<unsigned>(in.scales[i] >> 12) << 4 * i;
  return static_cast<std::uint16_t>(bits);
}

}  // namespace lathe
