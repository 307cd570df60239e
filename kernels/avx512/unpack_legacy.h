// Unpacking of the formats with blocks of 32 to 128 elements: codes, scales and minimums of a block
// (the contract of UnpackFn, kernels/kernel_table.h).
#pragma once

#include "kernels/avx512/common.h"
#include "kernels/formats/codebooks.h"

namespace lathe {
namespace {

// 16 bytes of two nibbles each: the low ones, then the high ones.
inline __m256i split_nibbles(const uint8_t* qs) noexcept {
  const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(qs));
  return _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(q, 4), q), _mm256_set1_epi8(15));
}

inline void store32(int8_t* out, __m256i codes) noexcept {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), codes);
}

inline __m256i look_up16(const int8_t* table, __m256i index) noexcept {
  const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(t), index);
}

inline void unpack_block(const BlockQ4_0& b, int8_t* codes, float* scales, float*) noexcept {
  store32(codes, _mm256_sub_epi8(split_nibbles(b.qs), _mm256_set1_epi8(8)));
  *scales = half_to_float(b.d);
}

inline void unpack_block(const BlockQ4_1& b, int8_t* codes, float* scales, float* mins) noexcept {
  store32(codes, split_nibbles(b.qs));
  *scales = half_to_float(b.d);
  *mins = half_to_float(b.m);
}

inline void unpack_block(const BlockQ5_0& b, int8_t* codes, float* scales, float*) noexcept {
  const __mmask32 below = ~load_as<uint32_t>(b.qh);  // without the fifth bit: 16 less
  const __m256i q = split_nibbles(b.qs);
  store32(codes, _mm256_mask_sub_epi8(q, below, q, _mm256_set1_epi8(16)));
  *scales = half_to_float(b.d);
}

inline void unpack_block(const BlockQ5_1& b, int8_t* codes, float* scales, float* mins) noexcept {
  const __mmask32 above = load_as<uint32_t>(b.qh);
  const __m256i q = split_nibbles(b.qs);
  store32(codes, _mm256_mask_add_epi8(q, above, q, _mm256_set1_epi8(16)));
  *scales = half_to_float(b.d);
  *mins = half_to_float(b.m);
}

inline void unpack_block(const BlockQ8_0& b, int8_t* codes, float* scales, float*) noexcept {
  store32(codes, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b.qs)));
  *scales = half_to_float(b.d);
}

inline void unpack_block(const BlockIQ4_NL& b, int8_t* codes, float* scales, float*) noexcept {
  store32(codes, look_up16(kIq4Values, split_nibbles(b.qs)));
  *scales = half_to_float(b.d);
}

inline void unpack_block(const BlockMXFP4& b, int8_t* codes, float* scales, float*) noexcept {
  store32(codes, look_up16(kFp4Values, split_nibbles(b.qs)));
  // 2^(e - 128); the two smallest are subnormal.
  const uint32_t bits = b.e < 2 ? 0x00200000u << b.e : static_cast<uint32_t>(b.e - 1) << 23;
  *scales = __builtin_bit_cast(float, bits);
}

// Half of an unsigned E4M3 number, the scale of the doubled code book.
inline float half_e4m3(uint8_t x) noexcept {
  const uint32_t exponent = x >> 3 & 15u, mantissa = x & 7u;
  if (x == 0x7f) return 0.0f;
  if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-10f;
  return __builtin_bit_cast(float, (exponent + 127 - 8) << 23 | mantissa << 20);
}

inline void unpack_block(const BlockNVFP4& b, int8_t* codes, float* scales, float*) noexcept {
  const __m128i mask = _mm_set1_epi8(15);
  for (int i = 0; i < 2; ++i) {  // two sub-blocks: 8 bytes each, low nibbles before high ones
    const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b.qs + 16 * i));
    const __m128i low = _mm_and_si128(q, mask);
    const __m128i high = _mm_and_si128(_mm_srli_epi16(q, 4), mask);
    const __m256i index =
        _mm256_set_m128i(_mm_unpackhi_epi64(low, high), _mm_unpacklo_epi64(low, high));
    store32(codes + 32 * i, look_up16(kFp4Values, index));
  }
  for (int s = 0; s < 4; ++s) scales[s] = half_e4m3(b.d[s]);
}

inline void unpack_block(const BlockQ1_0& b, int8_t* codes, float* scales, float*) noexcept {
  const float d = half_to_float(b.d);
  const __m256i one = _mm256_set1_epi8(1);
  for (int i = 0; i < 4; ++i) {
    const __mmask32 set = load_as<uint32_t>(b.qs + 4 * i);
    store32(codes + 32 * i, _mm256_mask_mov_epi8(_mm256_set1_epi8(-1), set, one));
    scales[i] = d;
  }
}

inline void unpack_block(const BlockQ2_0& b, int8_t* codes, float* scales, float*) noexcept {
  const float d = half_to_float(b.d);
  // A byte to the low bits of a word; then pair k of its bits, that are 6 k places too low, to byte
  // k.
  const __m512i words =
      _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b.qs)));
  const __m512i pairs02 = _mm512_or_si512(words, _mm512_slli_epi32(words, 12));
  const __m512i q = _mm512_and_si512(_mm512_or_si512(pairs02, _mm512_slli_epi32(pairs02, 6)),
                                     _mm512_set1_epi8(3));
  _mm512_storeu_si512(codes, _mm512_sub_epi8(q, _mm512_set1_epi8(1)));
  scales[0] = d;
  scales[1] = d;
}

}  // namespace
}  // namespace lathe
