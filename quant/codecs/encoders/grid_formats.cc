// IQ3 and IQ2: what their grids look like, and the packing of bits. The search is in
// grid_super.h.
#include <cstring>

#include "kernels/formats/blocks.h"
#include "quant/codecs/encoders/encoders.h"
#include "quant/codecs/encoders/grid_super.h"
#include "quant/codecs/encoders/super_rows.h"

namespace lathe::LATHE_CODEC_TIER {
namespace {

struct MagnitudeGrid {
  static constexpr float kOffsets[1] = {0.0f};
  static constexpr bool kOneOffset = false;
  static constexpr int kMaxCode = 15;
};

// Groups of 4 with 8 levels, one code per 32 elements.
struct Iq3Grid : MagnitudeGrid {
  static constexpr int kDims = 4, kSub = 32, kLevels = 8;
  static constexpr float kDigits[16] = {1, 8, 64, 512, 1, 8, 64, 512, 1, 8, 64, 512, 1, 8, 64, 512};
  // The scales that are tried first: largest magnitude / kMaxPoint * (kFirst - kStep * k).
  static constexpr float kFirst = 1.2f, kStep = 0.07f;
  static constexpr int kSteps = 8;
  static constexpr float kRestored = kRestoredIq3;
};

struct Iq3s : Iq3Grid {
  static constexpr GridSigns kSigns = GridSigns::kFree;
  static constexpr float kUnit = 1.0f, kMinPoint = 1.0f, kMaxPoint = 15.0f, kLowest = 0.0f;
  static constexpr float kPerLevel = 0.5f, kFirstLevel = 0.5f;  // points 1, 3, ... 15
};

struct Iq3xxs : Iq3Grid {
  static constexpr GridSigns kSigns = GridSigns::kEven;
  static constexpr float kUnit = 0.25f, kMinPoint = 4.0f, kMaxPoint = 62.0f, kLowest = 0.17f;
  static constexpr float kPerLevel = 0.125f, kFirstLevel = 0.5f;  // points 4, 12, ... 52, 62
};

// Groups of 8 with 3 levels: points 8, 25, 43.
struct Iq2Grid : MagnitudeGrid {
  static constexpr int kDims = 8, kLevels = 3;
  static constexpr float kUnit = 0.125f, kMinPoint = 8.0f, kMaxPoint = 43.0f, kLowest = 0.4f;
  static constexpr float kPerLevel = 1.0f / 17.5f, kFirstLevel = 0.45f;
  static constexpr float kDigits[16] = {1, 3, 9, 27, 81, 243, 729, 2187,
                                        1, 3, 9, 27, 81, 243, 729, 2187};
  static constexpr float kFirst = 1.2f, kStep = 0.08f;
  static constexpr int kSteps = 10;
  static constexpr float kRestored = kRestoredIq2;
};

struct Iq2s : Iq2Grid {
  static constexpr int kSub = 16;
  static constexpr GridSigns kSigns = GridSigns::kFree;
};
struct Iq2xs : Iq2Grid {
  static constexpr int kSub = 16;
  static constexpr GridSigns kSigns = GridSigns::kEven;
};
struct Iq2xxs : Iq2Grid {
  static constexpr int kSub = 32;
  static constexpr GridSigns kSigns = GridSigns::kEven;
};

// The 7 sign bits that are stored; the eighth follows from parity.
unsigned seven_bits(std::uint8_t signs) noexcept { return signs & 127u; }

// Four sign indices and the scale code of a group of 32.
template <class Super>
std::uint32_t signs_and_code(const Super& s, int ib) noexcept {
  std::uint32_t word = static_cast<std::uint32_t>(s.codes[ib]) << 28;
  for (int t = 0; t < 4; ++t) word |= seven_bits(s.signs[4 * ib + t]) << 7 * t;
  return word;
}

// Two codes of 16 elements each to a byte, per group of 32.
template <class Super>
void pack_codes(const Super& s, std::uint8_t* scales) noexcept {
  for (int ib = 0; ib < 8; ++ib) {
    scales[ib] = static_cast<std::uint8_t>(s.codes[2 * ib] | s.codes[2 * ib + 1] << 4);
  }
}

}  // namespace

void encode_iq3_s(const float* x, std::size_t n_cols, const float* importance,
                  std::uint8_t* blocks) noexcept {
  GridSuper<Iq3s> s(iq3_s_table());
  for_super_blocks<BlockIQ3_S>(
      x, n_cols, importance, 2.0f, blocks, [&](auto* v, auto* w, auto* out) {
        s.encode(v, w);
        std::memset(out, 0, sizeof *out);
        out->d = s.d.bits;
        for (int i = 0; i < 64; ++i) {
          out->qs[i] = static_cast<std::uint8_t>(s.indices[i]);
          out->qh[i / 8] |= static_cast<std::uint8_t>(s.indices[i] >> 8 << i % 8);
        }
        std::memcpy(out->signs, s.signs, sizeof out->signs);
        for (int ib = 0; ib < 8; ++ib) {
          out->scales[ib / 2] |= static_cast<std::uint8_t>(s.codes[ib] << 4 * (ib % 2));
        }
      });
}

void encode_iq3_xxs(const float* x, std::size_t n_cols, const float* importance,
                    std::uint8_t* blocks) noexcept {
  GridSuper<Iq3xxs> s(iq3_xxs_table());
  for_super_blocks<BlockIQ3_XXS>(x, n_cols, importance, 2.0f, blocks,
                                 [&](auto* v, auto* w, auto* out) {
                                   s.encode(v, w);
                                   out->d = s.d.bits;
                                   for (int i = 0; i < 64; ++i)
                                     out->qs[i] = static_cast<std::uint8_t>(s.indices[i]);
                                   for (int ib = 0; ib < 8; ++ib) {
                                     const std::uint32_t word = signs_and_code(s, ib);
                                     std::memcpy(out->scales_signs + 4 * ib, &word, sizeof word);
                                   }
                                 });
}

void encode_iq2_s(const float* x, std::size_t n_cols, const float* importance,
                  std::uint8_t* blocks) noexcept {
  GridSuper<Iq2s> s(iq2_s_table());
  for_super_blocks<BlockIQ2_S>(
      x, n_cols, importance, 2.0f, blocks, [&](auto* v, auto* w, auto* out) {
        s.encode(v, w);
        std::memset(out->qh, 0, sizeof out->qh);
        out->d = s.d.bits;
        for (int i = 0; i < 32; ++i) {
          out->qs[i] = static_cast<std::uint8_t>(s.indices[i]);
          out->qh[i / 4] |= static_cast<std::uint8_t>(s.indices[i] >> 8 << 2 * (i % 4));
        }
        std::memcpy(out->signs, s.signs, sizeof out->signs);
        pack_codes(s, out->scales);
      });
}

void encode_iq2_xs(const float* x, std::size_t n_cols, const float* importance,
                   std::uint8_t* blocks) noexcept {
  GridSuper<Iq2xs> s(iq2_xs_table());
  for_super_blocks<BlockIQ2_XS>(
      x, n_cols, importance, 1.0f, blocks, [&](auto* v, auto* w, auto* out) {
        s.encode(v, w);
        out->d = s.d.bits;
        for (int i = 0; i < 32; ++i) {
          out->qs[i] = static_cast<std::uint16_t>(s.indices[i] | seven_bits(s.signs[i]) << 9);
        }
        pack_codes(s, out->scales);
      });
}

void encode_iq2_xxs(const float* x, std::size_t n_cols, const float* importance,
                    std::uint8_t* blocks) noexcept {
  GridSuper<Iq2xxs> s(iq2_xxs_table());
  for_super_blocks<BlockIQ2_XXS>(
      x, n_cols, importance, 1.0f, blocks, [&](auto* v, auto* w, auto* out) {
        s.encode(v, w);
        out->d = s.d.bits;
        for (int ib = 0; ib < 8; ++ib) {
          std::uint32_t words[2] = {0, signs_and_code(s, ib)};
          for (int t = 0; t < 4; ++t) {
            words[0] |= static_cast<std::uint32_t>(s.indices[4 * ib + t]) << 8 * t;
          }
          std::memcpy(out->qs + 4 * ib, words, sizeof words);
        }
      });
}

}  // namespace lathe::LATHE_CODEC_TIER
