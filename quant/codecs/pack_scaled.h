// How the numbers of a block lie in its bits, for formats with scales: what encoders and calibrated
// rounding write, and the scales that the latter reads back. Layouts: kernels/formats.
//
// Fields is any struct with the numbers as members: d, dmin, m (a half each: .bits), scales and
// mins (an integer per sub-block), codes (one per element, as stored). Everything here has internal
// linkage, because encoders are compiled once per instruction set.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/formats/blocks.h"

namespace lathe {

// ---- pieces

static inline void pack_nibbles(const std::uint8_t* codes, std::uint8_t* qs) noexcept {
  for (int j = 0; j < 16; ++j) {
    qs[j] = static_cast<std::uint8_t>((codes[j] & 15) | (codes[j + 16] & 15) << 4);
  }
}

static inline void pack_fifth_bits(const std::uint8_t* codes, std::uint8_t* qh) noexcept {
  for (int b = 0; b < 4; ++b) {
    unsigned bits = 0;
    for (int i = 0; i < 8; ++i) bits |= static_cast<unsigned>(codes[8 * b + i] >> 4 & 1) << i;
    qh[b] = static_cast<std::uint8_t>(bits);
  }
}

// Low nibbles of Q4_K and Q5_K.
static inline void pack_nibble_pairs(const std::uint8_t* codes, std::uint8_t* qs) noexcept {
  for (int g = 0; g < 4; ++g) {
    for (int c = 0; c < 32; ++c) {
      qs[32 * g + c] =
          static_cast<std::uint8_t>((codes[64 * g + c] & 15) | (codes[64 * g + 32 + c] & 15) << 4);
    }
  }
}

// Low two bits of Q2_K and Q3_K.
static inline void pack_bit_pairs(const std::uint8_t* codes, std::uint8_t* qs) noexcept {
  for (int h = 0; h < 2; ++h) {
    for (int c = 0; c < 32; ++c) {
      unsigned byte = 0;
      for (int p = 0; p < 4; ++p) byte |= (codes[128 * h + 32 * p + c] & 3u) << 2 * p;
      qs[32 * h + c] = static_cast<std::uint8_t>(byte);
    }
  }
}

// The 6-bit scales and minimums of Q4_K and Q5_K.
template <class Fields>
static inline void pack_scales_6bit(const Fields& f, std::uint8_t* out) noexcept {
  for (int j = 0; j < 4; ++j) {
    out[j] = static_cast<std::uint8_t>(f.scales[j] | f.scales[j + 4] >> 4 << 6);
    out[j + 4] = static_cast<std::uint8_t>(f.mins[j] | f.mins[j + 4] >> 4 << 6);
    out[j + 8] = static_cast<std::uint8_t>((f.scales[j + 4] & 15) | (f.mins[j + 4] & 15) << 4);
  }
}
template <class Fields>
static inline void unpack_scales_6bit(const std::uint8_t* in, Fields* f) noexcept {
  for (int j = 0; j < 4; ++j) {
    f->scales[j] = static_cast<std::int8_t>(in[j] & 63);
    f->mins[j] = static_cast<std::int8_t>(in[j + 4] & 63);
    f->scales[j + 4] = static_cast<std::int8_t>((in[j + 8] & 15) | in[j] >> 6 << 4);
    f->mins[j + 4] = static_cast<std::int8_t>(in[j + 8] >> 4 | in[j + 4] >> 6 << 4);
  }
}

// ---- blocks of 32

template <class Fields>
static inline void pack(const Fields& f, BlockQ8_0* out) noexcept {
  out->d = f.d.bits;
  for (int i = 0; i < 32; ++i) out->qs[i] = static_cast<std::int8_t>(f.codes[i] - 128);
}
template <class Fields>
static inline void pack(const Fields& f, BlockQ4_0* out) noexcept {
  out->d = f.d.bits;
  pack_nibbles(f.codes, out->qs);
}
template <class Fields>
static inline void pack(const Fields& f, BlockQ5_0* out) noexcept {
  out->d = f.d.bits;
  pack_fifth_bits(f.codes, out->qh);
  pack_nibbles(f.codes, out->qs);
}
template <class Fields>
static inline void pack(const Fields& f, BlockIQ4_NL* out) noexcept {
  out->d = f.d.bits;
  pack_nibbles(f.codes, out->qs);
}
template <class Fields>
static inline void pack(const Fields& f, BlockQ4_1* out) noexcept {
  out->d = f.d.bits;
  out->m = f.m.bits;
  pack_nibbles(f.codes, out->qs);
}
template <class Fields>
static inline void pack(const Fields& f, BlockQ5_1* out) noexcept {
  out->d = f.d.bits;
  out->m = f.m.bits;
  pack_fifth_bits(f.codes, out->qh);
  pack_nibbles(f.codes, out->qs);
}

// ---- super-blocks with scales and minimums

template <class Fields>
static inline void pack(const Fields& f, BlockQ2_K* out) noexcept {
  for (int k = 0; k < 16; ++k) {
    out->scales[k] = static_cast<std::uint8_t>(f.scales[k] | f.mins[k] << 4);
  }
  pack_bit_pairs(f.codes, out->qs);
  out->d = f.d.bits;
  out->dmin = f.dmin.bits;
}
template <class Fields>
static inline void unpack_scales(const BlockQ2_K& in, Fields* f) noexcept {
  for (int k = 0; k < 16; ++k) {
    f->scales[k] = static_cast<std::int8_t>(in.scales[k] & 15);
    f->mins[k] = static_cast<std::int8_t>(in.scales[k] >> 4);
  }
}

template <class Fields>
static inline void pack(const Fields& f, BlockQ4_K* out) noexcept {
  out->d = f.d.bits;
  out->dmin = f.dmin.bits;
  pack_scales_6bit(f, out->scales);
  pack_nibble_pairs(f.codes, out->qs);
}
template <class Fields>
static inline void unpack_scales(const BlockQ4_K& in, Fields* f) noexcept {
  unpack_scales_6bit(in.scales, f);
}

template <class Fields>
static inline void pack(const Fields& f, BlockQ5_K* out) noexcept {
  out->d = f.d.bits;
  out->dmin = f.dmin.bits;
  pack_scales_6bit(f, out->scales);
  for (int c = 0; c < 32; ++c) {
    unsigned byte = 0;
    for (int j = 0; j < 8; ++j) byte |= (f.codes[32 * j + c] >> 4 & 1u) << j;
    out->qh[c] = static_cast<std::uint8_t>(byte);
  }
  pack_nibble_pairs(f.codes, out->qs);
}
template <class Fields>
static inline void unpack_scales(const BlockQ5_K& in, Fields* f) noexcept {
  unpack_scales_6bit(in.scales, f);
}

// ---- super-blocks with signed scales

template <class Fields>
static inline void pack(const Fields& f, BlockQ3_K* out) noexcept {
  for (int c = 0; c < 32; ++c) {
    unsigned byte = 0;
    for (int p = 0; p < 8; ++p) byte |= (f.codes[32 * p + c] >> 2 & 1u) << p;
    out->hmask[c] = static_cast<std::uint8_t>(byte);
  }
  pack_bit_pairs(f.codes, out->qs);
  std::memset(out->scales, 0, sizeof out->scales);
  for (int k = 0; k < 16; ++k) {
    const unsigned code = static_cast<unsigned>(f.scales[k] + 32);
    out->scales[k % 8] |= static_cast<std::uint8_t>((code & 15) << 4 * (k / 8));
    out->scales[8 + k % 4] |= static_cast<std::uint8_t>(code >> 4 << 2 * (k / 4));
  }
  out->d = f.d.bits;
}
template <class Fields>
static inline void unpack_scales(const BlockQ3_K& in, Fields* f) noexcept {
  for (int k = 0; k < 16; ++k) {
    const int low = in.scales[k % 8] >> 4 * (k / 8) & 15;
    const int high = in.scales[8 + k % 4] >> 2 * (k / 4) & 3;
    f->scales[k] = static_cast<std::int8_t>((low | high << 4) - 32);
  }
}

template <class Fields>
static inline void pack(const Fields& f, BlockQ6_K* out) noexcept {
  for (int h = 0; h < 2; ++h) {
    const std::uint8_t* codes = f.codes + 128 * h;
    for (int c = 0; c < 32; ++c) {
      out->ql[64 * h + c] = static_cast<std::uint8_t>((codes[c] & 15) | (codes[c + 64] & 15) << 4);
      out->ql[64 * h + 32 + c] =
          static_cast<std::uint8_t>((codes[c + 32] & 15) | (codes[c + 96] & 15) << 4);
      out->qh[32 * h + c] =
          static_cast<std::uint8_t>(codes[c] >> 4 | codes[c + 32] >> 4 << 2 |
                                    codes[c + 64] >> 4 << 4 | codes[c + 96] >> 4 << 6);
    }
  }
  for (int k = 0; k < 16; ++k) out->scales[k] = f.scales[k];
  out->d = f.d.bits;
}
template <class Fields>
static inline void unpack_scales(const BlockQ6_K& in, Fields* f) noexcept {
  for (int k = 0; k < 16; ++k) f->scales[k] = in.scales[k];
}

template <class Fields>
static inline void pack(const Fields& f, BlockIQ4_XS* out) noexcept {
  out->d = f.d.bits;
  out->scales_h = 0;
  std::memset(out->scales_l, 0, sizeof out->scales_l);
  for (int ib = 0; ib < 8; ++ib) {
    const unsigned code = static_cast<unsigned>(f.scales[ib] + 32);
    out->scales_l[ib / 2] |= static_cast<std::uint8_t>((code & 15) << 4 * (ib % 2));
    out->scales_h |= static_cast<std::uint16_t>(code >> 4 << 2 * ib);
    for (int j = 0; j < 16; ++j) {
      out->qs[16 * ib + j] =
          static_cast<std::uint8_t>(f.codes[32 * ib + j] | f.codes[32 * ib + 16 + j] << 4);
    }
  }
}
template <class Fields>
static inline void unpack_scales(const BlockIQ4_XS& in, Fields* f) noexcept {
  for (int ib = 0; ib < 8; ++ib) {
    const int low = in.scales_l[ib / 2] >> 4 * (ib % 2) & 15, high = in.scales_h >> 2 * ib & 3;
    f->scales[ib] = static_cast<std::int8_t>((low | high << 4) - 32);
  }
}

}  // namespace lathe
