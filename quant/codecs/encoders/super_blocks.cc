// Formats with super-blocks of 256: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_XS. Here: their parameters.
// The searches are in super_min.h and super_scale.h, the packing of bits in pack_scaled.h.
#include "kernels/formats/blocks.h"
#include "quant/codecs/encoders/encoders.h"
#include "quant/codecs/encoders/levels.h"
#include "quant/codecs/encoders/super_min.h"
#include "quant/codecs/encoders/super_rows.h"
#include "quant/codecs/encoders/super_scale.h"
#include "quant/codecs/pack_scaled.h"

namespace lathe::LATHE_CODEC_TIER {
namespace {

constexpr RoundingGrid kFineGrid = {-0.9f, 0.1f, 18};

}  // namespace

void encode_q2_k(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockQ2_K>(x, n_cols, importance, 1.0f, blocks, [](auto* v, auto* w, auto* out) {
    SuperMin<16, 3, 15> s;
    s.encode(v, w, kFineGrid);
    s.restore_size(kRestoredQ2K);
    pack(s, out);
  });
}

void encode_q4_k(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockQ4_K, Protection::kMild>(x, n_cols, importance, 2.0f, blocks,
                                                 [](auto* v, auto* w, auto* out) {
                                                   SuperMin<8, 15, 63> s;
                                                   s.encode(v, w, kFineGrid);
                                                   pack(s, out);
                                                 });
}

void encode_q5_k(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockQ5_K, Protection::kMild>(x, n_cols, importance, 2.0f, blocks,
                                                 [](auto* v, auto* w, auto* out) {
                                                   SuperMin<8, 31, 63> s;
                                                   s.encode(v, w, kFineGrid);
                                                   pack(s, out);
                                                 });
}

void encode_q3_k(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockQ3_K>(x, n_cols, importance, 2.0f, blocks, [](auto* v, auto* w, auto* out) {
    SuperScale<EvenLevels<4>, 16, 32> s;
    s.encode(v, w);
    s.restore_size(kRestoredQ3K);
    pack(s, out);
  });
}

void encode_q6_k(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockQ6_K, Protection::kMild>(x, n_cols, importance, 1.0f, blocks,
                                                 [](auto* v, auto* w, auto* out) {
                                                   SuperScale<EvenLevels<32>, 16, 128> s;
                                                   s.encode(v, w);
                                                   pack(s, out);
                                                 });
}

void encode_iq4_xs(const float* x, std::size_t n_cols, const float* importance,
                   std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockIQ4_XS>(x, n_cols, importance, 2.0f, blocks,
                                [](auto* v, auto* w, auto* out) {
                                  SuperScale<Iq4Levels, 8, 32> s;
                                  s.encode(v, w);
                                  pack(s, out);
                                });
}

}  // namespace lathe::LATHE_CODEC_TIER
