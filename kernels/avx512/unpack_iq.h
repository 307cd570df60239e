// Unpacking of the i-quants: 64 elements at a time by gathers from the code books.
#pragma once

#include "kernels/avx512/unpack_k.h"

namespace lathe {
namespace {

// Four 7-bit sign indices to sign bytes: bit 7 makes the number of set bits even.
inline uint64_t with_parity(uint64_t signs) noexcept {
  uint64_t p = signs ^ signs >> 4;
  p ^= p >> 2;
  p ^= p >> 1;
  return signs | (p & 0x0101010101010101) << 7;
}
inline uint64_t sign_bytes(uint32_t packed) noexcept { return _pdep_u32(packed, 0x7f7f7f7fu); }

inline void store_signed(int8_t* codes, __m512i magnitudes, uint64_t negative) noexcept {
  const __m512i zero = _mm512_setzero_si512();
  _mm512_storeu_si512(codes, _mm512_mask_sub_epi8(magnitudes, negative, zero, magnitudes));
}

// Entries of a book of eight bytes each at (low byte, high bits) indices.
inline __m512i grid8(const uint64_t* book, uint64_t low, uint64_t high) noexcept {
  const __m128i pair = _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
  const __m128i index16 = _mm_unpacklo_epi8(pair, _mm_unpackhi_epi64(pair, pair));
  return _mm512_i64gather_epi64(_mm512_cvtepu16_epi64(index16), book, 8);
}

// d * (0.5 + code) * factor of sixteen 4-bit codes, low nibbles first.
inline __m512 iq2_scales(const uint8_t* nibbles, uint16_t d) noexcept {
  const uint64_t packed = load_as<uint64_t>(nibbles), mask = 0x0f0f0f0f0f0f0f0f;
  const __m128i low = _mm_cvtsi64_si128(static_cast<long long>(packed & mask));
  const __m128i high = _mm_cvtsi64_si128(static_cast<long long>(packed >> 4 & mask));
  const __m512 code = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_unpacklo_epi8(low, high)));
  const __m512 s =
      _mm512_mul_ps(_mm512_set1_ps(half_to_float(d)), _mm512_add_ps(code, _mm512_set1_ps(0.5f)));
  return _mm512_mul_ps(s, _mm512_set1_ps(0.25f));
}

inline void unpack_block(const BlockIQ2_XXS& b, int8_t* codes, float* scales, float*) noexcept {
  const float d = half_to_float(b.d);
  for (int i = 0; i < 4; ++i) {  // two groups of 32
    const uint64_t g0 = load_as<uint64_t>(b.qs + 8 * i), g1 = load_as<uint64_t>(b.qs + 8 * i + 4);
    const uint32_t s0 = static_cast<uint32_t>(g0 >> 32), s1 = static_cast<uint32_t>(g1 >> 32);
    const uint64_t signs = with_parity(sign_bytes(s0) | sign_bytes(s1) << 32);
    store_signed(codes + 64 * i, grid8(kIq2xxsGrid, (g0 & 0xffffffffu) | g1 << 32, 0), signs);
    scales[2 * i] = d * (0.5f + static_cast<float>(s0 >> 28)) * 0.25f;
    scales[2 * i + 1] = d * (0.5f + static_cast<float>(s1 >> 28)) * 0.25f;
  }
}

inline void unpack_block(const BlockIQ2_XS& b, int8_t* codes, float* scales, float*) noexcept {
  for (int i = 0; i < 4; ++i) {
    const __m128i q = load16(b.qs + 8 * i);
    const __m128i index = _mm_and_si128(q, _mm_set1_epi16(511));
    const __m512i grid = _mm512_i64gather_epi64(_mm512_cvtepu16_epi64(index), kIq2xsGrid, 8);
    const __m128i high = _mm_srli_epi16(q, 9);
    const uint64_t signs = static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_packus_epi16(high, high)));
    store_signed(codes + 64 * i, grid, with_parity(signs));
  }
  _mm512_storeu_ps(scales, iq2_scales(b.scales, b.d));
}

inline void unpack_block(const BlockIQ2_S& b, int8_t* codes, float* scales, float*) noexcept {
  for (int i = 0; i < 4; ++i) {
    const uint64_t high = _pdep_u64(load_as<uint16_t>(b.qh + 2 * i), 0x0303030303030303);
    const __m512i grid = grid8(kIq2sGrid, load_as<uint64_t>(b.qs + 8 * i), high);
    store_signed(codes + 64 * i, grid, load_as<uint64_t>(b.signs + 8 * i));
  }
  _mm512_storeu_ps(scales, iq2_scales(b.scales, b.d));
}

inline void unpack_block(const BlockIQ3_XXS& b, int8_t* codes, float* scales, float*) noexcept {
  const float d = half_to_float(b.d);
  for (int i = 0; i < 4; ++i) {
    const __m512i index = _mm512_cvtepu8_epi32(load16(b.qs + 16 * i));
    const uint32_t s0 = load_as<uint32_t>(b.scales_signs + 8 * i);
    const uint32_t s1 = load_as<uint32_t>(b.scales_signs + 8 * i + 4);
    const uint64_t signs = with_parity(sign_bytes(s0) | sign_bytes(s1) << 32);
    store_signed(codes + 64 * i, _mm512_i32gather_epi32(index, kIq3xxsGrid, 4), signs);
    scales[2 * i] = d * (0.5f + static_cast<float>(s0 >> 28)) * 0.5f;
    scales[2 * i + 1] = d * (0.5f + static_cast<float>(s1 >> 28)) * 0.5f;
  }
}

inline void unpack_block(const BlockIQ3_S& b, int8_t* codes, float* scales, float*) noexcept {
  const float d = half_to_float(b.d);
  for (int i = 0; i < 4; ++i) {
    const __m512i low = _mm512_cvtepu8_epi32(load16(b.qs + 16 * i));
    const __mmask16 ninth = load_as<uint16_t>(b.qh + 2 * i);
    const __m512i index = _mm512_mask_or_epi32(low, ninth, low, _mm512_set1_epi32(256));
    const uint64_t signs = load_as<uint64_t>(b.signs + 8 * i);
    store_signed(codes + 64 * i, _mm512_i32gather_epi32(index, kIq3sGrid, 4), signs);
    scales[2 * i] = d * static_cast<float>(1 + 2 * (b.scales[i] & 15));
    scales[2 * i + 1] = d * static_cast<float>(1 + 2 * (b.scales[i] >> 4));
  }
}

// 8 * grid + 1, or - 1 where `minus`.
inline void store_iq1(int8_t* codes, __m512i grid, uint64_t minus) noexcept {
  const __m512i times8 = _mm512_and_si512(_mm512_slli_epi16(grid, 3), _mm512_set1_epi8(-8));
  const __m512i one = _mm512_set1_epi8(1);
  const __m512i plus = _mm512_add_epi8(times8, one);
  _mm512_storeu_si512(codes, _mm512_mask_sub_epi8(plus, minus, times8, one));
}

inline void unpack_block(const BlockIQ1_S& b, int8_t* codes, float* scales, float*) noexcept {
  const float d = half_to_float(b.d);
  for (int i = 0; i < 4; ++i) {
    const uint32_t h0 = b.qh[2 * i], h1 = b.qh[2 * i + 1];
    const uint64_t high = _pdep_u64((h0 & 0xfffu) | (h1 & 0xfffu) << 12, 0x0707070707070707);
    const uint64_t minus = (h0 >> 15 ? 0xffffffffu : 0u) | (h1 >> 15 ? 0xffffffff00000000u : 0u);
    store_iq1(codes + 64 * i, grid8(kIq1sGrid, load_as<uint64_t>(b.qs + 8 * i), high), minus);
    scales[2 * i] = d * static_cast<float>(2 * (h0 >> 12 & 7) + 1) * 0.125f;
    scales[2 * i + 1] = d * static_cast<float>(2 * (h1 >> 12 & 7) + 1) * 0.125f;
  }
}

inline void unpack_block(const BlockIQ1_M& b, int8_t* codes, float* scales, float*) noexcept {
  const uint64_t sc = load_as<uint64_t>(b.scales);
  const float d = half_to_float(static_cast<uint16_t>(_pext_u64(sc, 0xf000f000f000f000)));
  for (int i = 0; i < 4; ++i) {
    const uint64_t nibbles = _pdep_u64(load_as<uint32_t>(b.qh + 4 * i), 0x0f0f0f0f0f0f0f0f);
    const uint64_t high = nibbles & 0x0707070707070707;
    const uint64_t minus = (nibbles >> 3 & 0x0101010101010101) * 255;
    store_iq1(codes + 64 * i, grid8(kIq1sGrid, load_as<uint64_t>(b.qs + 8 * i), high), minus);
    for (int j = 0; j < 4; ++j) {
      const uint32_t code = sc >> (16 * i + 3 * j) & 7;
      scales[4 * i + j] = d * static_cast<float>(2 * code + 1) * 0.125f;
    }
  }
}

}  // namespace
}  // namespace lathe
