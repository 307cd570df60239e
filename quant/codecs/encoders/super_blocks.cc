// Formats with super-blocks of 256: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_XS. Here: element weights and
// the packing of bits; the searches are in super_min.h and super_scale.h.
#include <cmath>
#include <cstring>

#include "kernels/formats/blocks.h"
#include "quant/codecs/encoders/encoders.h"
#include "quant/codecs/encoders/levels.h"
#include "quant/codecs/encoders/super_min.h"
#include "quant/codecs/encoders/super_rows.h"
#include "quant/codecs/encoders/super_scale.h"

namespace lathe::LATHE_CODEC_TIER {
namespace {

constexpr RoundingGrid kFineGrid = {-0.9f, 0.1f, 18};

// 6-bit scales and minimums of Q4_K and Q5_K (kernels/formats/q4_k.h).
void pack_scales_6bit(const std::uint8_t* scales, const std::uint8_t* mins,
                      std::uint8_t* out) noexcept {
  for (int j = 0; j < 4; ++j) {
    out[j] = static_cast<std::uint8_t>(scales[j] | scales[j + 4] >> 4 << 6);
    out[j + 4] = static_cast<std::uint8_t>(mins[j] | mins[j + 4] >> 4 << 6);
    out[j + 8] = static_cast<std::uint8_t>((scales[j + 4] & 15) | (mins[j + 4] & 15) << 4);
  }
}

// Low nibbles of Q4_K and Q5_K.
void pack_nibble_pairs(const std::uint8_t* codes, std::uint8_t* qs) noexcept {
  for (int g = 0; g < 4; ++g) {
    for (int c = 0; c < 32; ++c) {
      qs[32 * g + c] =
          static_cast<std::uint8_t>((codes[64 * g + c] & 15) | (codes[64 * g + 32 + c] & 15) << 4);
    }
  }
}

// Low two bits of Q2_K and Q3_K.
void pack_bit_pairs(const std::uint8_t* codes, std::uint8_t* qs) noexcept {
  for (int h = 0; h < 2; ++h) {
    for (int c = 0; c < 32; ++c) {
      unsigned byte = 0;
      for (int p = 0; p < 4; ++p) byte |= (codes[128 * h + 32 * p + c] & 3u) << 2 * p;
      qs[32 * h + c] = static_cast<std::uint8_t>(byte);
    }
  }
}

}  // namespace

void encode_q2_k(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockQ2_K>(x, n_cols, importance, 1.0f, blocks, [](auto* v, auto* w, auto* out) {
    SuperMin<16, 3, 15> s;
    s.encode(v, w, kFineGrid);
    s.restore_size(kRestoredQ2K);
    for (int k = 0; k < 16; ++k) {
      out->scales[k] = static_cast<std::uint8_t>(s.scales[k] | s.mins[k] << 4);
    }
    pack_bit_pairs(s.codes, out->qs);
    out->d = s.d.bits;
    out->dmin = s.dmin.bits;
  });
}

void encode_q4_k(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockQ4_K, Protection::kMild>(x, n_cols, importance, 2.0f, blocks,
                                                 [](auto* v, auto* w, auto* out) {
                                                   SuperMin<8, 15, 63> s;
                                                   s.encode(v, w, kFineGrid);
                                                   out->d = s.d.bits;
                                                   out->dmin = s.dmin.bits;
                                                   pack_scales_6bit(s.scales, s.mins, out->scales);
                                                   pack_nibble_pairs(s.codes, out->qs);
                                                 });
}

void encode_q5_k(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockQ5_K, Protection::kMild>(x, n_cols, importance, 2.0f, blocks,
                                                 [](auto* v, auto* w, auto* out) {
                                                   SuperMin<8, 31, 63> s;
                                                   s.encode(v, w, kFineGrid);
                                                   out->d = s.d.bits;
                                                   out->dmin = s.dmin.bits;
                                                   pack_scales_6bit(s.scales, s.mins, out->scales);
                                                   for (int c = 0; c < 32; ++c) {
                                                     unsigned byte = 0;
                                                     for (int j = 0; j < 8; ++j)
                                                       byte |= (s.codes[32 * j + c] >> 4 & 1u) << j;
                                                     out->qh[c] = static_cast<std::uint8_t>(byte);
                                                   }
                                                   pack_nibble_pairs(s.codes, out->qs);
                                                 });
}

void encode_q3_k(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockQ3_K>(x, n_cols, importance, 2.0f, blocks, [](auto* v, auto* w, auto* out) {
    SuperScale<EvenLevels<4>, 16, 32> s;
    s.encode(v, w);
    s.restore_size(kRestoredQ3K);
    for (int c = 0; c < 32; ++c) {
      unsigned byte = 0;
      for (int p = 0; p < 8; ++p) byte |= (s.codes[32 * p + c] >> 2 & 1u) << p;
      out->hmask[c] = static_cast<std::uint8_t>(byte);
    }
    pack_bit_pairs(s.codes, out->qs);
    std::memset(out->scales, 0, sizeof out->scales);
    for (int k = 0; k < 16; ++k) {
      const unsigned code = static_cast<unsigned>(s.scales[k] + 32);
      out->scales[k % 8] |= static_cast<std::uint8_t>((code & 15) << 4 * (k / 8));
      out->scales[8 + k % 4] |= static_cast<std::uint8_t>(code >> 4 << 2 * (k / 4));
    }
    out->d = s.d.bits;
  });
}

void encode_q6_k(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockQ6_K, Protection::kMild>(
      x, n_cols, importance, 1.0f, blocks, [](auto* v, auto* w, auto* out) {
        SuperScale<EvenLevels<32>, 16, 128> s;
        s.encode(v, w);
        for (int h = 0; h < 2; ++h) {
          const std::uint8_t* codes = s.codes + 128 * h;
          for (int c = 0; c < 32; ++c) {
            out->ql[64 * h + c] =
                static_cast<std::uint8_t>((codes[c] & 15) | (codes[c + 64] & 15) << 4);
            out->ql[64 * h + 32 + c] =
                static_cast<std::uint8_t>((codes[c + 32] & 15) | (codes[c + 96] & 15) << 4);
            out->qh[32 * h + c] =
                static_cast<std::uint8_t>(codes[c] >> 4 | codes[c + 32] >> 4 << 2 |
                                          codes[c + 64] >> 4 << 4 | codes[c + 96] >> 4 << 6);
          }
        }
        std::memcpy(out->scales, s.scales, sizeof out->scales);
        out->d = s.d.bits;
      });
}

void encode_iq4_xs(const float* x, std::size_t n_cols, const float* importance,
                   std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockIQ4_XS>(
      x, n_cols, importance, 2.0f, blocks, [](auto* v, auto* w, auto* out) {
        SuperScale<Iq4Levels, 8, 32> s;
        s.encode(v, w);
        out->d = s.d.bits;
        out->scales_h = 0;
        std::memset(out->scales_l, 0, sizeof out->scales_l);
        for (int ib = 0; ib < 8; ++ib) {
          const unsigned code = static_cast<unsigned>(s.scales[ib] + 32);
          out->scales_l[ib / 2] |= static_cast<std::uint8_t>((code & 15) << 4 * (ib % 2));
          out->scales_h |= static_cast<std::uint16_t>(code >> 4 << 2 * ib);
          for (int j = 0; j < 16; ++j) {
            out->qs[16 * ib + j] =
                static_cast<std::uint8_t>(s.codes[32 * ib + j] | s.codes[32 * ib + 16 + j] << 4);
          }
        }
      });
}

}  // namespace lathe::LATHE_CODEC_TIER
