// F32, F16, BF16: rounding to nearest even.
#include <cstring>

#include "kernels/half.h"
#include "quant/codecs/encoders/encoders.h"

namespace lathe::LATHE_CODEC_TIER {

void encode_f32(const float* x, std::size_t n_cols, const float*, std::uint8_t* blocks) noexcept {
  std::memcpy(blocks, x, n_cols * sizeof(float));
}

void encode_f16(const float* x, std::size_t n_cols, const float*, std::uint8_t* blocks) noexcept {
  auto* out = reinterpret_cast<std::uint16_t*>(blocks);
  for (std::size_t i = 0; i < n_cols; ++i) out[i] = f16_from_f32(x[i]);
}

void encode_bf16(const float* x, std::size_t n_cols, const float*, std::uint8_t* blocks) noexcept {
  auto* out = reinterpret_cast<std::uint16_t*>(blocks);
  for (std::size_t i = 0; i < n_cols; ++i) out[i] = bf16_from_f32(x[i]);
}

}  // namespace lathe::LATHE_CODEC_TIER
