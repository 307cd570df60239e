// The encoders, one per format, grouped in files by family. Contract of each: EncodeRowFn in
// quant/codecs/codec.h.
//
// This folder is compiled once per instruction set, each time into a namespace of its own
// (LATHE_CODEC_TIER), with the same source and the same results to the bit; only the time differs.
// The objects export nothing outside that namespace, so that no inline function compiled for a
// newer instruction set can be picked by the linker for code that runs on an older CPU.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/codecs/encoder_table.h"

namespace lathe::LATHE_CODEC_TIER {

#define LATHE_ENCODER(name)                                                       \
  void encode_##name(const float* x, std::size_t n_cols, const float* importance, \
                     std::uint8_t* blocks) noexcept;
LATHE_ENCODER(f32)
LATHE_ENCODER(f16)
LATHE_ENCODER(bf16)
LATHE_ENCODER(q8_0)
LATHE_ENCODER(q4_0)
LATHE_ENCODER(q4_1)
LATHE_ENCODER(q5_0)
LATHE_ENCODER(q5_1)
LATHE_ENCODER(q2_k)
LATHE_ENCODER(q3_k)
LATHE_ENCODER(q4_k)
LATHE_ENCODER(q5_k)
LATHE_ENCODER(q6_k)
LATHE_ENCODER(iq4_nl)
LATHE_ENCODER(iq4_xs)
LATHE_ENCODER(iq3_s)
LATHE_ENCODER(iq3_xxs)
LATHE_ENCODER(iq2_s)
LATHE_ENCODER(iq2_xs)
LATHE_ENCODER(iq2_xxs)
LATHE_ENCODER(iq1_s)
LATHE_ENCODER(iq1_m)
LATHE_ENCODER(tq1_0)
LATHE_ENCODER(tq2_0)
LATHE_ENCODER(mxfp4)
#undef LATHE_ENCODER

void round_grid(const GridSubBlockRounding& work) noexcept;
void sweep_grid(const GridSweep& work) noexcept;
void fill_rounding(RoundingKernels& kernels) noexcept;
void fill_encoders(EncoderTable& table) noexcept;

}  // namespace lathe::LATHE_CODEC_TIER
