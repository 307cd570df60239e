// What calibrated rounding needs to know of the formats with scales (all but the grids): which
// numbers of a block are chosen, what they stand for, and which others to try.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/formats/format.h"
#include "quant/codecs/rounding_kernels.h"

namespace lathe {

// What is stored of the scale of a sub-block: value = scale() * level - min(), where the two are
// products of a super-scale and an integer (K-quants, IQ4_XS), or halves of their own: d and dmin,
// with the integers 1.
struct StoredScale {
  float d = 0, dmin = 0;  // halves
  std::int16_t scale = 0, min = 0;
};

inline constexpr int kMaxScaleCandidates = 32;

// How far around the present numbers to look; the better ones are a matter of time.
struct ScaleReach {
  int pairs = 2;   // +- this for scale and minimum
  int scales = 4;  // +- this for a scale without minimum
};

struct ScaledFormat {
  Format format;
  std::size_t sub_block;  // elements that share a scale
  LevelSet levels;

  // The scales of a row of n_cols elements, [n_cols / sub_block].
  void (*read)(const std::uint8_t* blocks, std::size_t n_cols, StoredScale* scales) noexcept;
  // The row's blocks from these and the codes of its elements.
  void (*write)(const StoredScale* scales, const std::uint8_t* codes, std::size_t n_cols,
                std::uint8_t* blocks) noexcept;
  // Candidate 0 is the present one.
  int (*candidate_count)(const ScaleReach& reach) noexcept;
  StoredScale (*candidate)(const StoredScale& present, int index, const ScaleReach& reach) noexcept;
};

// nullptr for others.
const ScaledFormat* find_scaled_format(Format format) noexcept;

}  // namespace lathe
