#include "quant/codecs/codec.h"

#include <cmath>
#include <limits>

#include "kernels/cpu_features.h"

namespace lathe {

// Defined in the objects of quant/codecs/encoders; LATHE_ENCODERS_<SET> says which are in this
// build.
namespace encoders_base {
void fill_encoders(EncoderTable& table) noexcept;
}
namespace encoders_avx2 {
void fill_encoders(EncoderTable& table) noexcept;
}
namespace encoders_avx512 {
void fill_encoders(EncoderTable& table) noexcept;
}

namespace {

constexpr float kMaxHalf = 65504.0f;
constexpr float kMaxFloat = std::numeric_limits<float>::max();
constexpr float kMaxBf16 = 3.3895314e38f;

// What the encoders of a format need to know of their input.
struct Traits {
  float max_abs = kMaxHalf;
  bool uses_importance = true;
};

constexpr Traits traits_of(Format format) noexcept {
  switch (format) {
    case Format::F32:
      return {kMaxFloat, false};
    case Format::BF16:
      return {kMaxBf16, false};
    case Format::F16:
      return {kMaxHalf, false};
    default:
      return {};
  }
}

struct CodecSet {
  explicit CodecSet(void (*fill)(EncoderTable&) noexcept) noexcept {
    EncoderTable table = {};
    fill(table);
    for (std::size_t i = 0; i < kFormatCount; ++i) {
      const auto format = static_cast<Format>(i);
      const Traits traits = traits_of(format);
      codecs[i] = {format, table.encode_row[i], traits.max_abs, traits.uses_importance};
    }
    rounding = table.rounding;
  }
  Codec codecs[kFormatCount];
  RoundingKernels rounding;
};

// A set's table is filled by its own code, so not before it is known that the CPU can run it.
template <void (*kFill)(EncoderTable&) noexcept>
const CodecSet& codecs_from() noexcept {
  static const CodecSet set(kFill);
  return set;
}

const CodecSet& codecs_of(std::string_view tier) noexcept {
#ifdef LATHE_ENCODERS_AVX512
  if (tier.starts_with("avx512") || (tier.empty() && cpu_has_avx512())) {
    return codecs_from<encoders_avx512::fill_encoders>();
  }
#endif
#ifdef LATHE_ENCODERS_AVX2
  if (tier == "avx2" || (tier.empty() && cpu_has_avx2())) {
    return codecs_from<encoders_avx2::fill_encoders>();
  }
#endif
  return codecs_from<encoders_base::fill_encoders>();
}

bool all_within(const float* x, std::size_t n, float max_abs) noexcept {
  unsigned outside = 0;
  for (std::size_t i = 0; i < n; ++i) outside |= !(std::fabs(x[i]) <= max_abs);  // also NaN
  return outside == 0;
}

// Smallest importance, as a share of the mean.
constexpr double kImportanceFloor = 1e-4;

}  // namespace

const Codec* find_codec(Format format, std::string_view tier) noexcept {
  // Asking the CPU what it has takes microseconds in a virtual machine: once.
  static const CodecSet& best = codecs_of({});
  const Codec& codec = (tier.empty() ? best : codecs_of(tier)).codecs[index_of(format)];
  return codec.encode_row == nullptr ? nullptr : &codec;
}

const RoundingKernels& rounding_kernels(std::string_view tier) noexcept {
  return codecs_of(tier).rounding;
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
