// Code books by words: an entry's packed levels (kernels/formats/codebooks.h) are 16 bits, and a
// vpermi2w finds one of 64 entries; the index bits above the sixth choose between its results.
// kernels/avx512vbmi/code_books.h has the same functions with byte permutations, in half the work.
#pragma once

#include "kernels/avx512/matvec_256.h"
#include "kernels/formats/codebooks.h"

namespace lathe {
namespace {

constexpr auto& kIq2xxsBook = kIq2xxsLevels;
constexpr auto& kIq2xsBook = kIq2xsLevels;
constexpr auto& kIq2sBook = kIq2sLevels;
constexpr auto& kIq3xxsBook = kIq3xxsLevels;
constexpr auto& kIq3sBook = kIq3sLevels;

// Entries of 32 indices from a table of 32 * kVectors. `index` has the low bits; bits[0]: bit 6 of
// all indices, bits[1] bit 7, and so on.
template <size_t kVectors>
inline __m512i look_up_words(const uint16_t* table, __m512i index, const __mmask32* bits) noexcept {
  if constexpr (kVectors == 2) {
    return _mm512_permutex2var_epi16(_mm512_loadu_si512(table), index,
                                     _mm512_loadu_si512(table + 32));
  } else {
    constexpr size_t kHalf = kVectors / 2;
    const __m512i low = look_up_words<kHalf>(table, index, bits);
    const __m512i high = look_up_words<kHalf>(table + 32 * kHalf, index, bits);
    return _mm512_mask_mov_epi16(low, bits[__builtin_ctzll(kHalf) - 1], high);
  }
}

template <size_t N>
inline __m512i entries_of(const uint16_t (&book)[N], __m256i index, const uint32_t* high) noexcept {
  constexpr size_t kHigh = __builtin_ctzll(N) - 8;
  const __m512i words = _mm512_cvtepu8_epi16(index);
  __mmask32 bits[kHigh + 2] = {_mm512_test_epi16_mask(words, _mm512_set1_epi16(64)),
                               _mm512_test_epi16_mask(words, _mm512_set1_epi16(128))};
  for (size_t i = 0; i < kHigh; ++i) bits[i + 2] = high[i];
  return look_up_words<N / 32>(book, words, bits);
}

// Where mask has ones, a, elsewhere b.
inline __m512i choose(int mask, __m512i a, __m512i b) noexcept {
  return _mm512_ternarylogic_epi32(_mm512_set1_epi32(mask), a, b, 0xca);
}

// Eight entries of eight levels of 2 bits: a byte each.
inline __m512i spread_octets(__m128i entries) noexcept {
  const __m512i x = _mm512_cvtepu16_epi64(entries);
  const __m512i halves = _mm512_or_si512(x, _mm512_slli_epi64(x, 24));  // 4 levels a 32-bit word
  const __m512i pairs = choose(0xffff, halves, _mm512_slli_epi32(halves, 12));
  const __m512i bytes = choose(0x00ff00ff, pairs, _mm512_slli_epi32(pairs, 6));
  return _mm512_and_si512(bytes, _mm512_set1_epi8(3));
}

// Sixteen entries of four levels of 3 bits: a byte each.
inline __m512i spread_quads(__m256i entries) noexcept {
  const __m512i x = _mm512_cvtepu16_epi32(entries);
  const __m512i pairs = choose(0xffff, x, _mm512_slli_epi32(x, 10));
  const __m512i bytes = choose(0x00ff00ff, pairs, _mm512_slli_epi32(pairs, 5));
  return _mm512_and_si512(bytes, _mm512_set1_epi8(7));
}

// The levels of 32 entries of eight elements. index: the low eight bits of their numbers; high:
// bits 8, 9, ... as masks, as many as the book needs.
template <size_t N>
inline void read_octets(const uint16_t (&book)[N], __m256i index, const uint32_t* high,
                        Columns256& w) noexcept {
  const __m512i found = entries_of(book, index, high);
  w.codes[0] = spread_octets(_mm512_castsi512_si128(found));
  w.codes[1] = spread_octets(_mm512_extracti32x4_epi32(found, 1));
  w.codes[2] = spread_octets(_mm512_extracti32x4_epi32(found, 2));
  w.codes[3] = spread_octets(_mm512_extracti32x4_epi32(found, 3));
}

// The same of 64 entries of four elements.
template <size_t N>
inline void read_quads(const uint16_t (&book)[N], __m512i index, const uint64_t* high,
                       Columns256& w) noexcept {
  constexpr size_t kHigh = __builtin_ctzll(N) - 8;
  for (int half = 0; half < 2; ++half) {
    uint32_t bits[kHigh + 1];
    for (size_t i = 0; i < kHigh; ++i) bits[i] = static_cast<uint32_t>(high[i] >> 32 * half);
    const __m256i part =
        half == 0 ? _mm512_castsi512_si256(index) : _mm512_extracti64x4_epi64(index, 1);
    const __m512i found = entries_of(book, part, bits);
    w.codes[2 * half] = spread_quads(_mm512_castsi512_si256(found));
    w.codes[2 * half + 1] = spread_quads(_mm512_extracti64x4_epi64(found, 1));
  }
}

// Signs of 32 indices of 7 bits: the eighth makes their number even.
inline __m256i sign_masks(__m256i index) noexcept {
  const __m256i odd = _mm256_broadcastsi128_si256(_mm_set_epi64x(
      static_cast<long long>(0x0080800080000080), static_cast<long long>(0x8000008000808000)));
  const __m256i nibble = _mm256_set1_epi8(15);
  const __m256i low = _mm256_shuffle_epi8(odd, _mm256_and_si256(index, nibble));
  const __m256i high =
      _mm256_shuffle_epi8(odd, _mm256_and_si256(_mm256_srli_epi16(index, 4), nibble));
  return _mm256_or_si256(index, _mm256_xor_si256(low, high));
}

// Four fields of 7 bits of each word, a byte each.
inline __m256i fields_of_7(__m256i words) noexcept {
  const __m256i pairs =
      _mm256_blend_epi16(words, _mm256_slli_epi32(words, 2), 0xaa);  // 14 bits a half
  const __m256i low = _mm256_and_si256(pairs, _mm256_set1_epi16(127));
  const __m256i high = _mm256_and_si256(_mm256_slli_epi16(pairs, 1), _mm256_set1_epi16(0x7f00));
  return _mm256_or_si256(low, high);
}

}  // namespace
}  // namespace lathe
