// IQ1_S and IQ1_M: ternary points with an offset. The search is in grid_super.h.
#include <cstring>

#include "kernels/formats/blocks.h"
#include "quant/codecs/encoders/encoders.h"
#include "quant/codecs/encoders/grid_super.h"
#include "quant/codecs/encoders/super_rows.h"

namespace lathe::LATHE_CODEC_TIER {
namespace {

struct Iq1Grid {
  static constexpr int kDims = 8, kLevels = 3, kMaxCode = 7;
  static constexpr GridSigns kSigns = GridSigns::kInPoints;
  static constexpr float kOffsets[2] = {0.125f, -0.125f};
  static constexpr float kUnit = 1.0f, kMinPoint = 0.125f, kMaxPoint = 1.125f, kLowest = 0.0f;
  static constexpr float kPerLevel = 1.0f, kFirstLevel = -1.0f;  // points -1, 0, 1
  static constexpr float kDigits[16] = {1, 3, 9, 27, 81, 243, 729, 2187,
                                        1, 3, 9, 27, 81, 243, 729, 2187};
  static constexpr float kFirst = 1.1f, kStep = 0.08f;
  static constexpr int kSteps = 11;
  static constexpr float kRestored = kRestoredIq1;
};

struct Iq1s : Iq1Grid {
  static constexpr int kSub = 32;
  static constexpr bool kOneOffset = true;
};
struct Iq1m : Iq1Grid {
  static constexpr int kSub = 16;
  static constexpr bool kOneOffset = false;
};

}  // namespace

void encode_iq1_s(const float* x, std::size_t n_cols, const float* importance,
                  std::uint8_t* blocks) noexcept {
  GridSuper<Iq1s> s(iq1_table());
  for_super_blocks<BlockIQ1_S>(x, n_cols, importance, 2.0f, blocks,
                               [&](auto* v, auto* w, auto* out) {
                                 s.encode(v, w);
                                 out->d = s.d.bits;
                                 for (int ib = 0; ib < 8; ++ib) {
                                   unsigned high = static_cast<unsigned>(s.codes[ib]) << 12;
                                   high |= static_cast<unsigned>(s.offsets[4 * ib]) << 15;
                                   for (int l = 0; l < 4; ++l) {
                                     const unsigned index = s.indices[4 * ib + l];
                                     out->qs[4 * ib + l] = static_cast<std::uint8_t>(index);
                                     high |= index >> 8 << 3 * l;
                                   }
                                   out->qh[ib] = static_cast<std::uint16_t>(high);
                                 }
                               });
}

void encode_iq1_m(const float* x, std::size_t n_cols, const float* importance,
                  std::uint8_t* blocks) noexcept {
  GridSuper<Iq1m> s(iq1_table());
  for_super_blocks<BlockIQ1_M>(
      x, n_cols, importance, 2.0f, blocks, [&](auto* v, auto* w, auto* out) {
        s.encode(v, w);
        std::memset(out, 0, sizeof *out);
        for (int t = 0; t < 32; ++t) {
          const unsigned high = s.indices[t] >> 8 | static_cast<unsigned>(s.offsets[t]) << 3;
          out->qs[t] = static_cast<std::uint8_t>(s.indices[t]);
          out->qh[t / 2] |= static_cast<std::uint8_t>(high << 4 * (t % 2));
        }
        for (int k = 0; k < 16; ++k) {
          out->scales[k / 4] |= static_cast<std::uint16_t>(s.codes[k] << 3 * (k % 4));
        }
        for (int i = 0; i < 4; ++i) {  // the super-scale, a nibble in each
          out->scales[i] |= static_cast<std::uint16_t>((s.d.bits >> 4 * i & 15) << 12);
        }
      });
}

}  // namespace lathe::LATHE_CODEC_TIER
