#include "quant/calibrate/rounding/scaled_format.h"

#include <algorithm>

#include "kernels/half.h"
#include "quant/codecs/pack_scaled.h"

namespace lathe {
namespace {

struct StoredHalf {
  std::uint16_t bits = 0;
};

StoredHalf exact_half(float value) noexcept { return {f16_from_f32(value)}; }
float nearest_half(float value) noexcept { return f32_from_f16(f16_from_f32(value)); }

// The numbers of a block (pack_scaled.h).
struct SuperFields {
  StoredHalf d, dmin;
  std::int8_t scales[16], mins[16];
  const std::uint8_t* codes;
};
struct BlockFields {
  StoredHalf d, m;
  const std::uint8_t* codes;
};

// ---- super-blocks of 256 with integers

template <class Block>
constexpr bool kHasMin = requires(const Block& b) {
  b.dmin;
};

template <class Block, std::size_t kSub>
void read_super(const std::uint8_t* blocks, std::size_t n_cols, StoredScale* scales) noexcept {
  const auto* in = reinterpret_cast<const Block*>(blocks);
  for (std::size_t b = 0; b < n_cols / 256; ++b) {
    SuperFields f = {};
    unpack_scales(in[b], &f);
    float dmin = 0.0f;
    if constexpr (kHasMin<Block>) dmin = f32_from_f16(in[b].dmin);
    for (std::size_t k = 0; k < 256 / kSub; ++k) {
      *scales++ = {f32_from_f16(in[b].d), dmin, f.scales[k], f.mins[k]};
    }
  }
}

template <class Block, std::size_t kSub>
void write_super(const StoredScale* scales, const std::uint8_t* codes, std::size_t n_cols,
                 std::uint8_t* blocks) noexcept {
  auto* out = reinterpret_cast<Block*>(blocks);
  for (std::size_t b = 0; b < n_cols / 256; ++b, scales += 256 / kSub) {
    SuperFields f = {exact_half(scales->d), exact_half(scales->dmin), {}, {}, codes + b * 256};
    for (std::size_t k = 0; k < 256 / kSub; ++k) {
      f.scales[k] = static_cast<std::int8_t>(scales[k].scale);
      f.mins[k] = static_cast<std::int8_t>(scales[k].min);
    }
    pack(f, &out[b]);
  }
}

std::int16_t moved(std::int16_t number, int by, int low, int high) noexcept {
  return static_cast<std::int16_t>(std::clamp(number + by, low, high));
}

// 0, 1, -1, 2, -2, ...
constexpr int step_of(int index) noexcept {
  return index % 2 == 1 ? (index + 1) / 2 : -(index / 2);
}

int pair_count(const ScaleReach& reach) noexcept {
  return (2 * reach.pairs + 1) * (2 * reach.pairs + 1);
}
int scale_count(const ScaleReach& reach) noexcept { return 2 * reach.scales + 1; }

template <int kMaxScale>
StoredScale pair_candidate(const StoredScale& s, int index, const ScaleReach& reach) noexcept {
  const int side = 2 * reach.pairs + 1;
  return {s.d, s.dmin, moved(s.scale, step_of(index % side), 0, kMaxScale),
          moved(s.min, step_of(index / side), 0, kMaxScale)};
}

template <int kHalfScale>
StoredScale signed_candidate(const StoredScale& s, int index, const ScaleReach&) noexcept {
  return {s.d, 0.0f, moved(s.scale, step_of(index), -kHalfScale, kHalfScale - 1), 0};
}

template <class Block, std::size_t kSub, int kMaxScale>
constexpr ScaledFormat with_pairs(Format format, float top) noexcept {
  return {format,
          kSub,
          {false, 0.0f, top},
          read_super<Block, kSub>,
          write_super<Block, kSub>,
          pair_count,
          pair_candidate<kMaxScale>};
}

template <class Block, std::size_t kSub, int kHalfScale>
constexpr ScaledFormat with_signed_scales(Format format, LevelSet levels) noexcept {
  return {format,
          kSub,
          levels,
          read_super<Block, kSub>,
          write_super<Block, kSub>,
          scale_count,
          signed_candidate<kHalfScale>};
}

// ---- blocks of 32 with halves

template <class Block>
constexpr bool kHasM = requires(const Block& b) {
  b.m;
};

template <class Block>
void read_blocks(const std::uint8_t* blocks, std::size_t n_cols, StoredScale* scales) noexcept {
  const auto* in = reinterpret_cast<const Block*>(blocks);
  for (std::size_t b = 0; b < n_cols / 32; ++b) {
    scales[b] = {f32_from_f16(in[b].d), 0.0f, 1, 1};
    if constexpr (kHasM<Block>) scales[b].dmin = -f32_from_f16(in[b].m);
  }
}

template <class Block>
void write_blocks(const StoredScale* scales, const std::uint8_t* codes, std::size_t n_cols,
                  std::uint8_t* blocks) noexcept {
  auto* out = reinterpret_cast<Block*>(blocks);
  for (std::size_t b = 0; b < n_cols / 32; ++b) {
    pack(BlockFields{exact_half(scales[b].d), exact_half(-scales[b].dmin), codes + b * 32},
         &out[b]);
  }
}

// Hundredths of the scale.
StoredScale half_candidate(const StoredScale& s, int index, const ScaleReach&) noexcept {
  return {nearest_half(s.d * (1.0f + 0.01f * static_cast<float>(step_of(index)))), 0.0f, 1, 1};
}

// Fiftieths of the scale with the middle of the levels where it was, moved by quarters of a step.
template <int kMaxCode>
StoredScale half_pair_candidate(const StoredScale& s, int index, const ScaleReach& reach) noexcept {
  if (index == 0) return s;
  const int side = 2 * reach.pairs + 1;
  const auto by = static_cast<float>(step_of(index % side));
  const auto shift = static_cast<float>(step_of(index / side));
  const float d = nearest_half(s.d * (1.0f + 0.02f * by));
  const float half_range = 0.5f * static_cast<float>(kMaxCode);
  return {d, nearest_half(s.dmin + half_range * (d - s.d) + 0.25f * shift * d), 1, 1};
}

template <class Block>
constexpr ScaledFormat with_half(Format format, LevelSet levels) noexcept {
  return {format, 32, levels, read_blocks<Block>, write_blocks<Block>, scale_count, half_candidate};
}

template <class Block, int kMaxCode>
constexpr ScaledFormat with_half_pair(Format format) noexcept {
  return {format,
          32,
          {false, 0.0f, static_cast<float>(kMaxCode)},
          read_blocks<Block>,
          write_blocks<Block>,
          pair_count,
          half_pair_candidate<kMaxCode>};
}

constexpr LevelSet integers(int half) noexcept {
  return {false, static_cast<float>(-half), static_cast<float>(half - 1)};
}
constexpr LevelSet kIq4 = {true, 0.0f, 0.0f};

constexpr ScaledFormat kFormats[] = {
    with_pairs<BlockQ2_K, 16, 15>(Format::Q2_K, 3.0f),
    with_pairs<BlockQ4_K, 32, 63>(Format::Q4_K, 15.0f),
    with_pairs<BlockQ5_K, 32, 63>(Format::Q5_K, 31.0f),
    with_signed_scales<BlockQ3_K, 16, 32>(Format::Q3_K, integers(4)),
    with_signed_scales<BlockQ6_K, 16, 128>(Format::Q6_K, integers(32)),
    with_signed_scales<BlockIQ4_XS, 32, 32>(Format::IQ4_XS, kIq4),
    with_half<BlockQ8_0>(Format::Q8_0, integers(128)),
    with_half<BlockQ4_0>(Format::Q4_0, integers(8)),
    with_half<BlockQ5_0>(Format::Q5_0, integers(16)),
    with_half<BlockIQ4_NL>(Format::IQ4_NL, kIq4),
    with_half_pair<BlockQ4_1, 15>(Format::Q4_1),
    with_half_pair<BlockQ5_1, 31>(Format::Q5_1),
};

}  // namespace

const ScaledFormat* find_scaled_format(Format format) noexcept {
  const auto* found = std::find_if(std::begin(kFormats), std::end(kFormats),
                                   [&](const ScaledFormat& f) { return f.format == format; });
  return found == std::end(kFormats) ? nullptr : found;
}

}  // namespace lathe
