#include "quant/codecs/error_limit.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe {
namespace {

using enum Format;

struct Row {
  Format format;
  ErrorLimit limit;
};

// Measured: the largest error of groups of 4 rows of 256 columns over 23 kinds of weights (normal
// to Cauchy, log-normal, uniform, binary, ternary, sparse, ramps, one outlier per block or row,
// scaled columns, tiny and huge values; the packaged models) and 6 of importance (none, log-normal,
// spikes, zeros, ramps), times 1.3 or more. tests/quant/error_limit_test.cc measures again.
constexpr Row kLimits[] = {
    {F32, {0.0, 0.0, 0}},        {F16, {0.0005, 0.0, 1}},     {BF16, {0.003, 0.0, 0}},
    {Q8_0, {0.004, 0.0, 128}},   {Q4_0, {0.056, 0.0, 8}},     {Q4_1, {0.05, 0.0, 16}},
    {Q5_0, {0.03, 0.0, 16}},     {Q5_1, {0.024, 0.0, 32}},    {Q2_K, {0.2, 0.0, 64}},
    {Q3_K, {0.11, 0.0, 128}},    {Q4_K, {0.05, 0.0, 1024}},   {Q5_K, {0.024, 0.0, 2048}},
    {Q6_K, {0.012, 0.0, 4096}},  {IQ4_NL, {0.065, 0.0, 128}}, {IQ4_XS, {0.062, 0.0, 4096}},
    {IQ3_S, {0.11, 0.25, 512}},  {IQ3_XXS, {0.17, 0.5, 512}}, {IQ2_S, {0.21, 0.45, 256}},
    {IQ2_XS, {0.25, 0.55, 256}}, {IQ2_XXS, {0.3, 0.65, 256}}, {IQ1_S, {0.31, 0.6, 32}},
    {IQ1_M, {0.3, 0.55, 32}},    {TQ1_0, {0.3, 0.0, 1}},      {TQ2_0, {0.3, 0.0, 1}},
    {MXFP4, {0.13, 0.0, 0}},
};

constexpr std::size_t kShortBlock = 32;  // for formats without blocks too

// What the error of the scale alone may be: half a step of the smallest half-precision numbers.
double floor_of(const ErrorLimit& limit) noexcept { return std::ldexp(limit.codes, -25); }

double share(double error, double whole) noexcept {
  if (error <= 0.0) return 0.0;
  return whole > 0.0 ? std::sqrt(error / whole) : std::numeric_limits<double>::infinity();
}

}  // namespace

ErrorLimit error_limit(Format format) noexcept {
  for (const Row& row : kLimits) {
    if (row.format == format) return row.limit;
  }
  return {};
}

EncodingError::EncodingError(Format format) noexcept
    : limit_(error_limit(format)),
      block_(std::max<std::size_t>(kShortBlock, format_info(format).block_elems)) {}

void EncodingError::add_row(std::span<const float> source, std::span<const float> decoded,
                            std::span<const float> importance) noexcept {
  for (std::size_t begin = 0; begin < source.size(); begin += block_) {
    const std::size_t end = std::min(source.size(), begin + block_);
    double range = 0.0;
    for (std::size_t i = begin; i < end; ++i) {
      range = std::max(range, std::fabs(static_cast<double>(source[i])));
    }
    for (std::size_t i = begin; i < end; ++i) {
      const double x = source[i], e = decoded[i] - x;
      plain_.add(1.0, e, x, range);
      if (!importance.empty()) weighted_.add(importance[i], e, x, range);
    }
  }
}

std::optional<double> EncodingError::weighted_rms() const noexcept {
  if (!(weighted_.values > 0.0)) return std::nullopt;
  return weighted_.of_values(0.0);
}

bool EncodingError::too_large(double slack) const noexcept {
  const double floor = floor_of(limit_);
  const auto within = [&](const Sums& sums) {  // false where a value is NaN
    return sums.of_ranges(floor) <= slack * limit_.of_range ||
           sums.of_values(floor) <= slack * limit_.of_values;
  };
  return !within(plain_) && !(weighted_.weight > 0.0 && within(weighted_));
}

void EncodingError::Sums::add(double w, double e, double x, double range) noexcept {
  error += w * e * e;
  values += w * x * x;
  ranges += w * range * range;
  weight += w;
}

double EncodingError::Sums::of_values(double floor) const noexcept {
  return share(error - weight * floor * floor, values);
}

double EncodingError::Sums::of_ranges(double floor) const noexcept {
  return share(error - weight * floor * floor, ranges);
}

}  // namespace lathe
