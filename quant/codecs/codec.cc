#include "quant/codecs/codec.h"

#include <cmath>
#include <limits>

#include "quant/codecs/encoders.h"

namespace lathe {
namespace {

constexpr float kMaxHalf = 65504.0f;
constexpr float kMaxFloat = std::numeric_limits<float>::max();
constexpr float kMaxBf16 = 3.3895314e38f;

constexpr Codec kCodecs[] = {
    {Format::F32, encode_f32, kMaxFloat, false},
    {Format::F16, encode_f16, kMaxHalf, false},
    {Format::BF16, encode_bf16, kMaxBf16, false},
    {Format::Q8_0, encode_q8_0, kMaxHalf, false},
    {Format::Q4_0, encode_q4_0, kMaxHalf, true},
    {Format::Q4_1, encode_q4_1, kMaxHalf, true},
    {Format::Q5_0, encode_q5_0, kMaxHalf, true},
    {Format::Q5_1, encode_q5_1, kMaxHalf, true},
    {Format::Q2_K, encode_q2_k, kMaxHalf, true},
    {Format::Q3_K, encode_q3_k, kMaxHalf, true},
    {Format::Q4_K, encode_q4_k, kMaxHalf, true},
    {Format::Q5_K, encode_q5_k, kMaxHalf, true},
    {Format::Q6_K, encode_q6_k, kMaxHalf, true},
    {Format::IQ4_NL, encode_iq4_nl, kMaxHalf, true},
    {Format::IQ4_XS, encode_iq4_xs, kMaxHalf, true},
};

bool all_within(const float* x, std::size_t n, float max_abs) noexcept {
  unsigned outside = 0;
  for (std::size_t i = 0; i < n; ++i) outside |= !(std::fabs(x[i]) <= max_abs);  // also NaN
  return outside == 0;
}

// Smallest importance, as a share of the mean.
constexpr double kImportanceFloor = 1e-4;

}  // namespace

const Codec* find_codec(Format format) noexcept {
  for (const Codec& codec : kCodecs) {
    if (codec.format == format) return &codec;
  }
  return nullptr;
}

std::size_t encode_rows(const Codec& codec, MatrixView<const float> x, const float* importance,
                        std::uint8_t* blocks) noexcept {
  const std::size_t stride = row_bytes(codec.format, x.cols);
  for (std::size_t r = 0; r < x.rows; ++r) {
    if (!all_within(x.row(r), x.cols, codec.max_abs)) return r;
    codec.encode_row(x.row(r), x.cols, importance, blocks + r * stride);
  }
  return x.rows;
}

bool prepare_importance(const float* importance, std::size_t n, float* prepared) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!(importance[i] >= 0.0f) || !std::isfinite(importance[i])) return false;
    sum += importance[i];
  }
  if (!(sum > 0.0)) return false;
  const double mean = sum / static_cast<double>(n);
  const int exponent = -std::ilogb(mean);
  const double floor = std::ldexp(mean * kImportanceFloor, exponent);
  for (std::size_t i = 0; i < n; ++i) {
    const double scaled = std::ldexp(static_cast<double>(importance[i]), exponent);
    prepared[i] = static_cast<float>(scaled < floor ? floor : scaled);
  }
  return true;
}

}  // namespace lathe
