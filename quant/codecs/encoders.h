// The encoders, one per format, grouped in files by family; quant/codecs/codec.cc lists them.
// Contract of each: EncodeRowFn in quant/codecs/codec.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lathe {

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
#undef LATHE_ENCODER

}  // namespace lathe
