// Unpacking of the K-quants, IQ4_XS and the ternary formats: 256 elements a block.
#pragma once

#include "kernels/avx512/unpack_legacy.h"

namespace lathe {
namespace {

inline __m256i load32(const void* p) noexcept {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
inline __m128i load16(const void* p) noexcept {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}

// The 6-bit scales and minimums of Q4_K and Q5_K as bytes: sub-block j in byte j.
struct SixBitPairs {
  uint64_t scales, mins;
};

inline SixBitPairs six_bit_pairs(const uint8_t* s) noexcept {
  const uint32_t a = load_as<uint32_t>(s), b = load_as<uint32_t>(s + 4);
  const uint32_t c = load_as<uint32_t>(s + 8);
  const uint64_t scales_hi = (c & 0x0f0f0f0fu) | (a >> 2 & 0x30303030u);
  const uint64_t mins_hi = (c >> 4 & 0x0f0f0f0fu) | (b >> 2 & 0x30303030u);
  return {(a & 0x3f3f3f3fu) | scales_hi << 32, (b & 0x3f3f3f3fu) | mins_hi << 32};
}

// factor * unsigned byte, of eight.
inline __m256 scaled_bytes(uint64_t bytes, float factor) noexcept {
  const __m256i words = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(bytes)));
  return _mm256_mul_ps(_mm256_cvtepi32_ps(words), _mm256_set1_ps(factor));
}

// factor * signed byte, of sixteen.
inline __m512 scaled_bytes16(__m128i bytes, float factor) noexcept {
  return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)), _mm512_set1_ps(factor));
}

template <class Block>
inline void unpack_pair_scales(const Block& b, float* scales, float* mins) noexcept {
  const SixBitPairs s = six_bit_pairs(b.scales);
  _mm256_storeu_ps(scales, scaled_bytes(s.scales, half_to_float(b.d)));
  _mm256_storeu_ps(mins, scaled_bytes(s.mins, -half_to_float(b.dmin)));
}

inline void unpack_block(const BlockQ4_K& b, int8_t* codes, float* scales, float* mins) noexcept {
  const __m256i mask = _mm256_set1_epi8(15);
  for (int g = 0; g < 4; ++g) {
    const __m256i q = load32(b.qs + 32 * g);
    store32(codes + 64 * g, _mm256_and_si256(q, mask));
    store32(codes + 64 * g + 32, _mm256_and_si256(_mm256_srli_epi16(q, 4), mask));
  }
  unpack_pair_scales(b, scales, mins);
}

inline void unpack_block(const BlockQ5_K& b, int8_t* codes, float* scales, float* mins) noexcept {
  const __m256i mask = _mm256_set1_epi8(15), bit4 = _mm256_set1_epi8(16);
  const __m256i high = load32(b.qh);
  for (int g = 0; g < 4; ++g) {
    const __m256i q = load32(b.qs + 32 * g);
    const __m256i lo = _mm256_and_si256(q, mask);
    const __m256i hi = _mm256_and_si256(_mm256_srli_epi16(q, 4), mask);
    const __mmask32 lo5 =
        _mm256_test_epi8_mask(high, _mm256_set1_epi8(static_cast<char>(1 << 2 * g)));
    const __mmask32 hi5 =
        _mm256_test_epi8_mask(high, _mm256_set1_epi8(static_cast<char>(2 << 2 * g)));
    store32(codes + 64 * g, _mm256_mask_add_epi8(lo, lo5, lo, bit4));
    store32(codes + 64 * g + 32, _mm256_mask_add_epi8(hi, hi5, hi, bit4));
  }
  unpack_pair_scales(b, scales, mins);
}

// The bits of each byte `low` places lower in the lower half of the vector, `high` in the upper one
// (-7 to 7). What comes from the byte beside is for the caller to mask away: a rotation of 64 bits.
inline __m512i move_right(__m512i x, int low, int high) noexcept {
  return _mm512_rorv_epi64(x,
                           _mm512_inserti64x4(_mm512_set1_epi64(low), _mm256_set1_epi64x(high), 1));
}

// The codes of Q6_K before the subtraction of 32; elements 64 i ... 64 i + 63 in q[i].
inline void q6_codes(const BlockQ6_K& b, __m512i q[4]) noexcept {
  const __m512i low4 = _mm512_set1_epi8(15), high2 = _mm512_set1_epi8(0x30);
  for (int h = 0; h < 2; ++h) {
    const __m512i ql = _mm512_loadu_si512(b.ql + 64 * h);
    const __m512i qh = _mm512_broadcast_i64x4(load32(b.qh + 32 * h));
    const __m512i lo = _mm512_and_si512(ql, low4);
    const __m512i hi = _mm512_and_si512(_mm512_srli_epi16(ql, 4), low4);
    const __m512i lo_top = move_right(qh, -4, -2);  // pairs of bits 0 and 1 to bits 4 and 5
    const __m512i hi_top = move_right(qh, 0, 2);    // pairs 2 and 3
    q[2 * h] = _mm512_ternarylogic_epi64(lo, lo_top, high2, 0xf8);  // lo | (top & high2)
    q[2 * h + 1] = _mm512_ternarylogic_epi64(hi, hi_top, high2, 0xf8);
  }
}

inline void unpack_block(const BlockQ6_K& b, int8_t* codes, float* scales, float*) noexcept {
  __m512i q[4];
  q6_codes(b, q);
  for (int i = 0; i < 4; ++i) {
    _mm512_storeu_si512(codes + 64 * i, _mm512_sub_epi8(q[i], _mm512_set1_epi8(32)));
  }
  _mm512_storeu_ps(scales, scaled_bytes16(load16(b.scales), half_to_float(b.d)));
}

// Two bits per element, 128 elements in 32 bytes: bit plane p of half h.
inline __m256i two_bits(const uint8_t* qs, int h, int p) noexcept {
  return _mm256_and_si256(_mm256_srli_epi16(load32(qs + 32 * h), 2 * p), _mm256_set1_epi8(3));
}

inline void unpack_block(const BlockQ2_K& b, int8_t* codes, float* scales, float* mins) noexcept {
  for (int i = 0; i < 8; ++i) store32(codes + 32 * i, two_bits(b.qs, i / 4, i % 4));
  const __m128i s = load16(b.scales), mask = _mm_set1_epi8(15);
  const __m128i high = _mm_and_si128(_mm_srli_epi16(s, 4), mask);
  _mm512_storeu_ps(scales, scaled_bytes16(_mm_and_si128(s, mask), half_to_float(b.d)));
  _mm512_storeu_ps(mins, scaled_bytes16(high, -half_to_float(b.dmin)));
}

// The sixteen scales of Q3_K, 32 already subtracted.
inline __m128i q3_scales(const uint8_t* s) noexcept {
  const uint64_t low = load_as<uint64_t>(s), nibble = 0x0f0f0f0f0f0f0f0f;
  const uint32_t c = load_as<uint32_t>(s + 8), pair = 0x03030303u;
  const uint64_t top0 = (c & pair) | static_cast<uint64_t>(c >> 2 & pair) << 32;
  const uint64_t top1 = (c >> 4 & pair) | static_cast<uint64_t>(c >> 6 & pair) << 32;
  const __m128i scales = _mm_set_epi64x(static_cast<long long>((low >> 4 & nibble) | top1 << 4),
                                        static_cast<long long>((low & nibble) | top0 << 4));
  return _mm_sub_epi8(scales, _mm_set1_epi8(32));
}

inline void unpack_block(const BlockQ3_K& b, int8_t* codes, float* scales, float*) noexcept {
  const __m256i high = load32(b.hmask);
  for (int i = 0; i < 8; ++i) {
    const __m256i lo = two_bits(b.qs, i / 4, i % 4);
    const __mmask32 below =
        _mm256_testn_epi8_mask(high, _mm256_set1_epi8(static_cast<char>(1 << i)));
    store32(codes + 32 * i, _mm256_mask_sub_epi8(lo, below, lo, _mm256_set1_epi8(4)));
  }
  _mm512_storeu_ps(scales, scaled_bytes16(q3_scales(b.scales), half_to_float(b.d)));
}

// The eight scales of IQ4_XS as bytes, 32 not yet subtracted.
inline uint64_t iq4_xs_scales(const BlockIQ4_XS& b) noexcept {
  const uint64_t nibbles = _pdep_u64(load_as<uint32_t>(b.scales_l), 0x0f0f0f0f0f0f0f0f);
  return nibbles | _pdep_u64(b.scales_h, 0x3030303030303030);
}

inline void unpack_block(const BlockIQ4_XS& b, int8_t* codes, float* scales, float*) noexcept {
  for (int g = 0; g < 8; ++g) {
    store32(codes + 32 * g, look_up16(kIq4Values, split_nibbles(b.qs + 16 * g)));
  }
  const __m128i s = _mm_cvtsi64_si128(static_cast<long long>(iq4_xs_scales(b)));
  const __m256i words = _mm256_sub_epi32(_mm256_cvtepu8_epi32(s), _mm256_set1_epi32(32));
  _mm256_storeu_ps(scales,
                   _mm256_mul_ps(_mm256_cvtepi32_ps(words), _mm256_set1_ps(half_to_float(b.d))));
}

inline void unpack_block(const BlockTQ2_0& b, int8_t* codes, float* scales, float*) noexcept {
  for (int i = 0; i < 8; ++i) {
    store32(codes + 32 * i, _mm256_sub_epi8(two_bits(b.qs, i / 4, i % 4), _mm256_set1_epi8(1)));
  }
  _mm256_storeu_ps(scales, _mm256_set1_ps(half_to_float(b.d)));
}

// Digit of bytes that were multiplied by 3^n (mod 256): the integer part of 3 x / 256, less 1.
inline __m256i ternary_digit(__m256i bytes) noexcept {
  const __m256i one_more = _mm256_set1_epi8(static_cast<char>(85));   // 3 x >= 256 from x = 86 on
  const __m256i two_more = _mm256_set1_epi8(static_cast<char>(170));  // 3 x >= 512 from x = 171 on
  const __mmask32 ge1 = _mm256_cmpgt_epu8_mask(bytes, one_more);
  const __mmask32 ge2 = _mm256_cmpgt_epu8_mask(bytes, two_more);
  const __m256i digit = _mm256_mask_mov_epi8(_mm256_set1_epi8(-1), ge1, _mm256_setzero_si256());
  return _mm256_mask_mov_epi8(digit, ge2, _mm256_set1_epi8(1));
}

inline __m256i times_three(__m256i bytes) noexcept {
  return _mm256_add_epi8(bytes, _mm256_add_epi8(bytes, bytes));
}

inline void unpack_block(const BlockTQ1_0& b, int8_t* codes, float* scales, float*) noexcept {
  __m256i first = load32(b.qs);
  __m256i second = _mm256_castsi128_si256(load16(b.qs + 32));
  __m256i third = _mm256_castsi128_si256(_mm_cvtsi32_si128(load_as<int32_t>(b.qh)));
  for (int n = 0; n < 5; ++n) {
    store32(codes + 32 * n, ternary_digit(first));
    const __m128i d16 = _mm256_castsi256_si128(ternary_digit(second));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + 160 + 16 * n), d16);
    first = times_three(first);
    second = times_three(second);
  }
  for (int n = 0; n < 4; ++n) {
    const int32_t d4 = _mm256_cvtsi256_si32(ternary_digit(third));
    __builtin_memcpy(codes + 240 + 4 * n, &d4, 4);
    third = times_three(third);
  }
  _mm256_storeu_ps(scales, _mm256_set1_ps(half_to_float(b.d)));
}

}  // namespace
}  // namespace lathe
