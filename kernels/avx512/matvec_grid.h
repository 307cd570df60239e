// BlockReader (matvec_256.h) of the i-quants with code books.
//
// Books are looked up in registers, 64 bytes at a time, as packed levels that become magnitudes
// afterwards. How depends on the CPU: whoever includes this file has included a code_books.h. The
// book of IQ1 is too large for that: gathers serve it, matvec_unpacked.h.
#pragma once

#include "kernels/avx512/matvec_k.h"

namespace lathe {
namespace {

constexpr uint64_t kIq2Magnitudes = 43ull << 16 | 25 << 8 | 8;
constexpr uint64_t kIq3xxsMagnitudes = 0x3e342c241c140c04;
constexpr uint64_t kIq3sMagnitudes = 0x0f0d0b0907050301;

// The magnitude of level l is byte l of `bytes`.
inline void to_magnitudes(uint64_t bytes, Columns256& w) noexcept {
  const __m512i table = _mm512_set1_epi64(static_cast<long long>(bytes));
  for (__m512i& codes : w.codes) codes = _mm512_shuffle_epi8(table, codes);
}

// ---- signs and scales

inline void read_signs(const uint8_t* signs, Columns256& w) noexcept {
  for (int k = 0; k < 4; ++k) w.minus[k] = load_as<uint64_t>(signs + 8 * k);
}

// Of 32 sign indices of 7 bits.
inline void look_up_signs(__m256i index, Columns256& w) noexcept {
  alignas(32) uint8_t signs[32];
  _mm256_store_si256(reinterpret_cast<__m256i*>(signs), sign_masks(index));
  read_signs(signs, w);
}

// Eight words of four sign indices and, on top, a scale code: the scale is 2 * code + 1.
inline void read_signs_and_scales(__m256i words, Columns256& w) noexcept {
  look_up_signs(fields_of_7(words), w);
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
    read_octets(kIq2xxsBook, index, nullptr, w);
    to_magnitudes(kIq2Magnitudes, w);
    read_signs_and_scales(_mm512_cvtepi64_epi32(_mm512_srli_epi64(groups, 32)), w);
  }
};

template <>
struct BlockReader<BlockIQ2_XS> : SignsReader<BlockIQ2_XS, 8> {
  static void read(const BlockIQ2_XS& b, const Heads&, size_t, Columns256& w) noexcept {
    const __m512i words = _mm512_loadu_si512(b.qs);  // nine bits of index, seven of signs
    const __m256i index = _mm512_cvtepi16_epi8(words);
    const uint32_t ninth = _mm512_test_epi16_mask(words, _mm512_set1_epi16(256));
    read_octets(kIq2xsBook, index, &ninth, w);
    to_magnitudes(kIq2Magnitudes, w);
    look_up_signs(_mm512_cvtepi16_epi8(_mm512_srli_epi16(words, 9)), w);
    read_nibble_scales(b.scales, w);
  }
};

template <>
struct BlockReader<BlockIQ2_S> : SignsReader<BlockIQ2_S, 8> {
  static void read(const BlockIQ2_S& b, const Heads&, size_t, Columns256& w) noexcept {
    const uint64_t pairs = load_as<uint64_t>(b.qh);  // two bits an index
    const uint32_t high[] = {static_cast<uint32_t>(_pext_u64(pairs, 0x5555555555555555)),
                             static_cast<uint32_t>(_pext_u64(pairs, 0xaaaaaaaaaaaaaaaa))};
    read_octets(kIq2sBook, load32(b.qs), high, w);
    to_magnitudes(kIq2Magnitudes, w);
    read_signs(b.signs, w);
    read_nibble_scales(b.scales, w);
  }
};

template <>
struct BlockReader<BlockIQ3_XXS> : SignsReader<BlockIQ3_XXS, 4> {
  static void read(const BlockIQ3_XXS& b, const Heads&, size_t, Columns256& w) noexcept {
    read_quads(kIq3xxsBook, _mm512_loadu_si512(b.qs), nullptr, w);
    to_magnitudes(kIq3xxsMagnitudes, w);
    read_signs_and_scales(load32(b.scales_signs), w);
  }
};

template <>
struct BlockReader<BlockIQ3_S> : SignsReader<BlockIQ3_S, 1> {
  static void read(const BlockIQ3_S& b, const Heads&, size_t, Columns256& w) noexcept {
    const uint64_t ninth = load_as<uint64_t>(b.qh);
    read_quads(kIq3sBook, _mm512_loadu_si512(b.qs), &ninth, w);
    to_magnitudes(kIq3sMagnitudes, w);
    read_signs(b.signs, w);
    const uint64_t codes = _pdep_u64(load_as<uint32_t>(b.scales), 0x0f0f0f0f0f0f0f0f);
    const __m512i scales =
        _mm512_set1_epi64(static_cast<long long>(2 * codes + 0x0101010101010101));
    for (int p = 0; p < 2; ++p) w.scales[p] = scales_of_bytes(scales, p);
  }
};

template <Format... F>
void set_matvec(KernelTable& table, const char* name) noexcept {
  ((table.matmul[index_of(F)].matvec = matvec<F, SuperBlockDot<F>>,
    table.matmul[index_of(F)].matvec_name = name),
   ...);
}

inline void set_grids(KernelTable& table, const char* name) noexcept {
  set_matvec<Format::IQ2_XXS, Format::IQ2_XS, Format::IQ2_S, Format::IQ3_XXS, Format::IQ3_S>(table,
                                                                                             name);
}

}  // namespace
}  // namespace lathe
