// Code books by bytes (VBMI): entries are kept as packed levels, two bytes an entry, and a vpermi2b
// finds one byte of 128 entries; the index bits above the seventh choose between its results.
// kernels/avx512/code_books.h has the same functions for CPUs without VBMI.
#pragma once

#include "kernels/avx512/matvec_256.h"
#include "kernels/formats/codebooks.h"

namespace lathe {
namespace {

// The low bytes of all entries, then the high ones.
template <size_t N>
struct BookBytes {
  alignas(64) uint8_t bytes[2 * N];
};

// Eight 2-bit levels an entry, four elements a byte.
template <size_t N>
constexpr BookBytes<N> book_of_octets(const uint16_t (&levels)[N]) noexcept {
  BookBytes<N> book = {};
  for (size_t i = 0; i < N; ++i) {
    book.bytes[i] = static_cast<uint8_t>(levels[i] & 255);
    book.bytes[N + i] = static_cast<uint8_t>(levels[i] >> 8);
  }
  return book;
}

// Four 3-bit levels an entry, two elements a byte, as nibbles.
template <size_t N>
constexpr BookBytes<N> book_of_quads(const uint16_t (&levels)[N]) noexcept {
  BookBytes<N> book = {};
  for (size_t i = 0; i < N; ++i) {
    const int l = levels[i];
    book.bytes[i] = static_cast<uint8_t>((l & 7) | (l >> 3 & 7) << 4);
    book.bytes[N + i] = static_cast<uint8_t>((l >> 6 & 7) | (l >> 9 & 7) << 4);
  }
  return book;
}

#define X(levels) levels,
#define LATHE_IQ2XXS
constexpr BookBytes<256> kIq2xxsBook = book_of_octets<256>({
#include "kernels/formats/codebook_levels.def"
});
#undef LATHE_IQ2XXS
#define LATHE_IQ2XS
constexpr BookBytes<512> kIq2xsBook = book_of_octets<512>({
#include "kernels/formats/codebook_levels.def"
});
#undef LATHE_IQ2XS
#define LATHE_IQ2S
constexpr BookBytes<1024> kIq2sBook = book_of_octets<1024>({
#include "kernels/formats/codebook_levels.def"
});
#undef LATHE_IQ2S
#define LATHE_IQ3XXS
constexpr BookBytes<256> kIq3xxsBook = book_of_quads<256>({
#include "kernels/formats/codebook_levels.def"
});
#undef LATHE_IQ3XXS
#define LATHE_IQ3S
constexpr BookBytes<512> kIq3sBook = book_of_quads<512>({
#include "kernels/formats/codebook_levels.def"
});
#undef LATHE_IQ3S
#undef X

// One byte for each of 64 indices from a table of 64 * kVectors bytes. `index` has the low bits,
// bits[0] bit 7 of all indices, bits[1] bit 8, and so on.
template <size_t kVectors>
inline __m512i look_up_bytes(const uint8_t* table, __m512i index, const __mmask64* bits) noexcept {
  if constexpr (kVectors == 2) {
    return _mm512_permutex2var_epi8(_mm512_load_si512(table), index, _mm512_load_si512(table + 64));
  } else {
    constexpr size_t kHalf = kVectors / 2;
    const __m512i low = look_up_bytes<kHalf>(table, index, bits);
    const __m512i high = look_up_bytes<kHalf>(table + 64 * kHalf, index, bits);
    return _mm512_mask_mov_epi8(low, bits[__builtin_ctzll(kHalf) - 1], high);
  }
}

struct ByteOrder {
  alignas(64) uint8_t from[64];
};

// Column 8 m + e comes from byte m of the low bytes (e < 4) or of the high ones, 32 further on.
constexpr ByteOrder kOctetOrder = [] {
  ByteOrder o = {};
  for (int i = 0; i < 64; ++i) o.from[i] = static_cast<uint8_t>(i / 8 + (i % 8 < 4 ? 0 : 32));
  return o;
}();

// Column 4 m + e comes from byte m of the low bytes (e < 2) or of the high ones, a vector further.
constexpr ByteOrder kQuadOrder = [] {
  ByteOrder o = {};
  for (int i = 0; i < 64; ++i) o.from[i] = static_cast<uint8_t>(i / 4 + (i % 4 < 2 ? 0 : 64));
  return o;
}();

// The levels of 32 entries of eight elements. index: the low eight bits of their numbers; high:
// bits 8, 9, ... as masks, as many as the book needs.
template <size_t N>
inline void read_octets(const BookBytes<N>& book, __m256i index, const uint32_t* high,
                        Columns256& w) noexcept {
  constexpr size_t kHigh = __builtin_ctzll(N) - 8;
  const auto twice = [](uint64_t bits) { return bits | bits << 32; };
  __mmask64 bits[kHigh + 2] = {twice(static_cast<uint32_t>(_mm256_movepi8_mask(index)))};
  for (size_t i = 0; i < kHigh; ++i) bits[i + 1] = twice(high[i]);
  bits[kHigh + 1] = 0xffffffff00000000;  // low bytes of the entries, then high ones
  const __m512i found = look_up_bytes<N / 32>(book.bytes, _mm512_broadcast_i64x4(index), bits);
  const __m512i order = _mm512_load_si512(kOctetOrder.from);
  const __m512i fields = _mm512_set1_epi64(0x3e342a201e140a00);  // bit 2 (e % 4) of byte e
  for (int k = 0; k < 4; ++k) {
    const __m512i from = _mm512_add_epi8(order, _mm512_set1_epi8(static_cast<char>(8 * k)));
    const __m512i bytes = _mm512_permutexvar_epi8(from, found);
    w.codes[k] = _mm512_and_si512(_mm512_multishift_epi64_epi8(fields, bytes), _mm512_set1_epi8(3));
  }
}

// The same of 64 entries of four elements.
template <size_t N>
inline void read_quads(const BookBytes<N>& book, __m512i index, const uint64_t* high,
                       Columns256& w) noexcept {
  constexpr size_t kHigh = __builtin_ctzll(N) - 8;
  __mmask64 bits[kHigh + 1] = {_mm512_movepi8_mask(index)};
  for (size_t i = 0; i < kHigh; ++i) bits[i + 1] = high[i];
  const __m512i low_bytes = look_up_bytes<N / 64>(book.bytes, index, bits);
  const __m512i high_bytes = look_up_bytes<N / 64>(book.bytes + N, index, bits);
  const __m512i order = _mm512_load_si512(kQuadOrder.from);
  const __m512i fields = _mm512_set1_epi64(0x3c302c201c100c00);  // bit 4 (e % 2) of byte e
  for (int k = 0; k < 4; ++k) {
    const __m512i from = _mm512_add_epi8(order, _mm512_set1_epi8(static_cast<char>(16 * k)));
    const __m512i bytes = _mm512_permutex2var_epi8(low_bytes, from, high_bytes);
    w.codes[k] =
        _mm512_and_si512(_mm512_multishift_epi64_epi8(fields, bytes), _mm512_set1_epi8(15));
  }
}

// Signs of 32 indices of 7 bits.
inline __m256i sign_masks(__m256i index) noexcept {
  const __m512i low = _mm512_loadu_si512(kSignMasks), high = _mm512_loadu_si512(kSignMasks + 64);
  return _mm512_castsi512_si256(_mm512_permutex2var_epi8(low, _mm512_castsi256_si512(index), high));
}

// Four fields of 7 bits of each word, a byte each.
inline __m256i fields_of_7(__m256i words) noexcept {
  const __m256i fields = _mm256_set1_epi64x(0x352e2720150e0700);  // bit 7 e of each half
  return _mm256_and_si256(_mm256_multishift_epi64_epi8(fields, words), _mm256_set1_epi8(127));
}

}  // namespace
}  // namespace lathe
