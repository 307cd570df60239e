// BlockReader (matvec_256.h) of the i-quants with code books.
//
// Books are looked up in registers, 64 bytes at a time: entries are kept as packed levels (two
// bytes an entry, codebooks.h), a vpermi2b finds one byte of 128 entries, and the index bits above
// the seventh choose between its results. Levels become magnitudes afterwards. The book of IQ1 is
// too large for that (64 vectors): gathers serve it, matvec_unpacked.h.
#pragma once

#include "kernels/avx512/matvec_k.h"
#include "kernels/formats/codebooks.h"

namespace lathe {
namespace {

// ---- look-ups

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

// 32 indices, in order, once for the low and once for the high bytes of their entries; bits: those
// above the seventh of the 32, of which there are kBits.
template <size_t N, size_t kBits>
inline __m512i look_up_octets(const BookBytes<N>& book, __m256i index,
                              const uint32_t (&bits)[kBits]) noexcept {
  __mmask64 both[kBits + 1];
  for (size_t i = 0; i < kBits; ++i) both[i] = bits[i] | static_cast<uint64_t>(bits[i]) << 32;
  both[kBits] = 0xffffffff00000000;
  return look_up_bytes<N / 32>(book.bytes, _mm512_broadcast_i64x4(index), both);
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

inline __m512i magnitudes_of(__m512i levels, uint64_t bytes) noexcept {
  return _mm512_shuffle_epi8(_mm512_set1_epi64(static_cast<long long>(bytes)), levels);
}

constexpr uint64_t kIq2Magnitudes = 43ull << 16 | 25 << 8 | 8;
constexpr uint64_t kIq3xxsMagnitudes = 0x3e342c241c140c04;
constexpr uint64_t kIq3sMagnitudes = 0x0f0d0b0907050301;

inline void expand_octets(__m512i found, Columns256& w) noexcept {
  const __m512i order = _mm512_load_si512(kOctetOrder.from);
  const __m512i fields = _mm512_set1_epi64(0x3e342a201e140a00);  // bit 2 (e % 4) of byte e
  for (int k = 0; k < 4; ++k) {
    const __m512i from = _mm512_add_epi8(order, _mm512_set1_epi8(static_cast<char>(8 * k)));
    const __m512i bytes = _mm512_permutexvar_epi8(from, found);
    const __m512i levels =
        _mm512_and_si512(_mm512_multishift_epi64_epi8(fields, bytes), _mm512_set1_epi8(3));
    w.codes[k] = magnitudes_of(levels, kIq2Magnitudes);
  }
}

inline void expand_quads(__m512i low, __m512i high, uint64_t magnitudes, Columns256& w) noexcept {
  const __m512i order = _mm512_load_si512(kQuadOrder.from);
  const __m512i fields = _mm512_set1_epi64(0x3c302c201c100c00);  // bit 4 (e % 2) of byte e
  for (int k = 0; k < 4; ++k) {
    const __m512i from = _mm512_add_epi8(order, _mm512_set1_epi8(static_cast<char>(16 * k)));
    const __m512i bytes = _mm512_permutex2var_epi8(low, from, high);
    const __m512i levels =
        _mm512_and_si512(_mm512_multishift_epi64_epi8(fields, bytes), _mm512_set1_epi8(15));
    w.codes[k] = magnitudes_of(levels, magnitudes);
  }
}

// ---- signs and scales

inline void read_signs(const uint8_t* signs, Columns256& w) noexcept {
  for (int k = 0; k < 4; ++k) w.minus[k] = load_as<uint64_t>(signs + 8 * k);
}

// Of 32 sign indices of 7 bits.
inline void look_up_signs(__m256i index, Columns256& w) noexcept {
  const __m512i low = _mm512_loadu_si512(kSignMasks), high = _mm512_loadu_si512(kSignMasks + 64);
  const __m512i masks = _mm512_permutex2var_epi8(low, _mm512_castsi256_si512(index), high);
  alignas(32) uint8_t signs[32];
  _mm256_store_si256(reinterpret_cast<__m256i*>(signs), _mm512_castsi512_si256(masks));
  read_signs(signs, w);
}

// Eight words of four sign indices and, on top, a scale code: the scale is 2 * code + 1.
inline void read_signs_and_scales(__m256i words, Columns256& w) noexcept {
  const __m256i fields = _mm256_set1_epi64x(0x352e2720150e0700);  // bit 7 e of each half
  look_up_signs(
      _mm256_and_si256(_mm256_multishift_epi64_epi8(fields, words), _mm256_set1_epi8(127)), w);
  const __m128i codes = _mm256_cvtepi32_epi8(_mm256_srli_epi32(words, 28));
  const __m128i odd = _mm_add_epi8(_mm_add_epi8(codes, codes), _mm_set1_epi8(1));
  const __m512i scales = _mm512_broadcastq_epi64(odd);
  for (int p = 0; p < 2; ++p) w.scales[p] = scales_of_bytes(scales, p);
}

// 2 * code + 1 of sixteen 4-bit codes.
inline void read_nibble_scales(const uint8_t* nibbles, Columns256& w) noexcept {
  const __m128i packed = _mm_cvtsi64_si128(load_as<long long>(nibbles));
  const __m128i mask = _mm_set1_epi8(15);
  const __m128i codes = _mm_unpacklo_epi8(_mm_and_si128(packed, mask),
                                          _mm_and_si128(_mm_srli_epi16(packed, 4), mask));
  const __m256i words = _mm256_cvtepu8_epi16(codes);
  const __m256i odd = _mm256_add_epi16(_mm256_add_epi16(words, words), _mm256_set1_epi16(1));
  for (int p = 0; p < 2; ++p) w.scales[p] = scales_of_16(odd, p);
}

// ---- the formats

// d times a constant that makes all scales whole numbers: one over kDivisor.
template <class Block, int kDivisor>
struct DividedHeads {
  __m128 d;

  explicit DividedHeads(FourBlocks<Block> b) noexcept
      : d(_mm_mul_ps(block_factors<Block>(b, &Block::d), _mm_set1_ps(1.0f / kDivisor))) {}
};

template <class Block, int kDivisor>
struct SignsReader {
  static constexpr Codes kCodes = Codes::kSigns;
  static constexpr bool kScaled = true;
  using Heads = DividedHeads<Block, kDivisor>;
};

template <>
struct BlockReader<BlockIQ2_XXS> : SignsReader<BlockIQ2_XXS, 8> {
  static void read(const BlockIQ2_XXS& b, const Heads&, size_t, Columns256& w) noexcept {
    const __m512i groups = _mm512_loadu_si512(b.qs);  // four indices, then signs and scale
    const __m256i index = _mm512_cvtepi64_epi32(groups);
    const uint32_t bits[] = {static_cast<uint32_t>(_mm256_movepi8_mask(index))};
    expand_octets(look_up_octets(kIq2xxsBook, index, bits), w);
    read_signs_and_scales(_mm512_cvtepi64_epi32(_mm512_srli_epi64(groups, 32)), w);
  }
};

template <>
struct BlockReader<BlockIQ2_XS> : SignsReader<BlockIQ2_XS, 8> {
  static void read(const BlockIQ2_XS& b, const Heads&, size_t, Columns256& w) noexcept {
    const __m512i words = _mm512_loadu_si512(b.qs);  // nine bits of index, seven of signs
    const __m256i index = _mm512_cvtepi16_epi8(words);
    const uint32_t bits[] = {static_cast<uint32_t>(_mm256_movepi8_mask(index)),
                             _mm512_test_epi16_mask(words, _mm512_set1_epi16(256))};
    expand_octets(look_up_octets(kIq2xsBook, index, bits), w);
    look_up_signs(_mm512_cvtepi16_epi8(_mm512_srli_epi16(words, 9)), w);
    read_nibble_scales(b.scales, w);
  }
};

template <>
struct BlockReader<BlockIQ2_S> : SignsReader<BlockIQ2_S, 8> {
  static void read(const BlockIQ2_S& b, const Heads&, size_t, Columns256& w) noexcept {
    const __m256i index = load32(b.qs);
    const uint64_t high = load_as<uint64_t>(b.qh);  // two bits an index
    const uint32_t bits[] = {static_cast<uint32_t>(_mm256_movepi8_mask(index)),
                             static_cast<uint32_t>(_pext_u64(high, 0x5555555555555555)),
                             static_cast<uint32_t>(_pext_u64(high, 0xaaaaaaaaaaaaaaaa))};
    expand_octets(look_up_octets(kIq2sBook, index, bits), w);
    read_signs(b.signs, w);
    read_nibble_scales(b.scales, w);
  }
};

template <>
struct BlockReader<BlockIQ3_XXS> : SignsReader<BlockIQ3_XXS, 4> {
  static void read(const BlockIQ3_XXS& b, const Heads&, size_t, Columns256& w) noexcept {
    const __m512i index = _mm512_loadu_si512(b.qs);
    const __mmask64 bits[] = {_mm512_movepi8_mask(index)};
    expand_quads(look_up_bytes<4>(kIq3xxsBook.bytes, index, bits),
                 look_up_bytes<4>(kIq3xxsBook.bytes + 256, index, bits), kIq3xxsMagnitudes, w);
    read_signs_and_scales(load32(b.scales_signs), w);
  }
};

template <>
struct BlockReader<BlockIQ3_S> : SignsReader<BlockIQ3_S, 1> {
  static void read(const BlockIQ3_S& b, const Heads&, size_t, Columns256& w) noexcept {
    const __m512i index = _mm512_loadu_si512(b.qs);
    const __mmask64 bits[] = {_mm512_movepi8_mask(index), load_as<uint64_t>(b.qh)};
    expand_quads(look_up_bytes<8>(kIq3sBook.bytes, index, bits),
                 look_up_bytes<8>(kIq3sBook.bytes + 512, index, bits), kIq3sMagnitudes, w);
    read_signs(b.signs, w);
    const uint64_t codes = _pdep_u64(load_as<uint32_t>(b.scales), 0x0f0f0f0f0f0f0f0f);
    const __m512i scales =
        _mm512_set1_epi64(static_cast<long long>(2 * codes + 0x0101010101010101));
    for (int p = 0; p < 2; ++p) w.scales[p] = scales_of_bytes(scales, p);
  }
};

}  // namespace
}  // namespace lathe
