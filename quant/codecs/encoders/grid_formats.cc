// IQ3, IQ2 and IQ1. The search is in grid_super.h, the packing of bits in pack_grids.h.
#include "kernels/formats/blocks.h"
#include "quant/codecs/encoders/encoders.h"
#include "quant/codecs/encoders/grid_super.h"
#include "quant/codecs/encoders/grid_traits.h"
#include "quant/codecs/encoders/super_rows.h"
#include "quant/codecs/pack_grids.h"

namespace lathe::LATHE_CODEC_TIER {

void encode_iq3_s(const float* x, std::size_t n_cols, const float* importance,
                  std::uint8_t* blocks) noexcept {
  GridSuper<Iq3s> s(iq3_s_table());
  for_super_blocks<BlockIQ3_S>(x, n_cols, importance, 2.0f, blocks,
                               [&](auto* v, auto* w, auto* out) {
                                 s.encode(v, w);
                                 pack(s, out);
                               });
}

void encode_iq3_xxs(const float* x, std::size_t n_cols, const float* importance,
                    std::uint8_t* blocks) noexcept {
  GridSuper<Iq3xxs> s(iq3_xxs_table());
  for_super_blocks<BlockIQ3_XXS>(x, n_cols, importance, 2.0f, blocks,
                                 [&](auto* v, auto* w, auto* out) {
                                   s.encode(v, w);
                                   pack(s, out);
                                 });
}

void encode_iq2_s(const float* x, std::size_t n_cols, const float* importance,
                  std::uint8_t* blocks) noexcept {
  GridSuper<Iq2s> s(iq2_s_table());
  for_super_blocks<BlockIQ2_S>(x, n_cols, importance, 2.0f, blocks,
                               [&](auto* v, auto* w, auto* out) {
                                 s.encode(v, w);
                                 pack(s, out);
                               });
}

void encode_iq2_xs(const float* x, std::size_t n_cols, const float* importance,
                   std::uint8_t* blocks) noexcept {
  GridSuper<Iq2xs> s(iq2_xs_table());
  for_super_blocks<BlockIQ2_XS>(x, n_cols, importance, 1.0f, blocks,
                                [&](auto* v, auto* w, auto* out) {
                                  s.encode(v, w);
                                  pack(s, out);
                                });
}

void encode_iq2_xxs(const float* x, std::size_t n_cols, const float* importance,
                    std::uint8_t* blocks) noexcept {
  GridSuper<Iq2xxs> s(iq2_xxs_table());
  for_super_blocks<BlockIQ2_XXS>(x, n_cols, importance, 1.0f, blocks,
                                 [&](auto* v, auto* w, auto* out) {
                                   s.encode(v, w);
                                   pack(s, out);
                                 });
}

void encode_iq1_s(const float* x, std::size_t n_cols, const float* importance,
                  std::uint8_t* blocks) noexcept {
  GridSuper<Iq1s> s(iq1_table());
  for_super_blocks<BlockIQ1_S>(x, n_cols, importance, 2.0f, blocks,
                               [&](auto* v, auto* w, auto* out) {
                                 s.encode(v, w);
                                 pack(s, out);
                               });
}

void encode_iq1_m(const float* x, std::size_t n_cols, const float* importance,
                  std::uint8_t* blocks) noexcept {
  GridSuper<Iq1m> s(iq1_table());
  for_super_blocks<BlockIQ1_M>(x, n_cols, importance, 2.0f, blocks,
                               [&](auto* v, auto* w, auto* out) {
                                 s.encode(v, w);
                                 pack(s, out);
                               });
}

}  // namespace lathe::LATHE_CODEC_TIER
