// What the grids of IQ3, IQ2 and IQ1 look like, for the searches in grid_super.h and
// grid_rounding.cc.
#pragma once

#include "quant/codecs/encoders/shrinkage.h"

namespace lathe::LATHE_CODEC_TIER {

enum class GridSigns {
  kInPoints,  // points are signed
  kFree,      // points are magnitudes, a sign for each element
  kEven,      // the same, but of each 8 elements an even number is negative
};

struct MagnitudeGrid {
  static constexpr float kOffsets[1] = {0.0f};
  static constexpr bool kOneOffset = false;
  static constexpr int kMaxCode = 15;
};

// Groups of 4 with 8 levels, one code per 32 elements.
struct Iq3Grid : MagnitudeGrid {
  static constexpr int kDims = 4, kSub = 32, kLevels = 8;
  static constexpr float kDigits[16] = {1, 8, 64, 512, 1, 8, 64, 512, 1, 8, 64, 512, 1, 8, 64, 512};
  // The scales that are tried first: largest magnitude / kMaxPoint * (kFirst - kStep * k).
  static constexpr float kFirst = 1.2f, kStep = 0.07f;
  static constexpr int kSteps = 8;
  static constexpr float kRestored = kRestoredIq3;
};

struct Iq3s : Iq3Grid {
  static constexpr GridSigns kSigns = GridSigns::kFree;
  static constexpr float kUnit = 1.0f, kMinPoint = 1.0f, kMaxPoint = 15.0f, kLowest = 0.0f;
  static constexpr float kPerLevel = 0.5f, kFirstLevel = 0.5f;  // points 1, 3, ... 15
};

struct Iq3xxs : Iq3Grid {
  static constexpr GridSigns kSigns = GridSigns::kEven;
  static constexpr float kUnit = 0.25f, kMinPoint = 4.0f, kMaxPoint = 62.0f, kLowest = 0.17f;
  static constexpr float kPerLevel = 0.125f, kFirstLevel = 0.5f;  // points 4, 12, ... 52, 62
};

// Groups of 8 with 3 levels: points 8, 25, 43.
struct Iq2Grid : MagnitudeGrid {
  static constexpr int kDims = 8, kLevels = 3;
  static constexpr float kUnit = 0.125f, kMinPoint = 8.0f, kMaxPoint = 43.0f, kLowest = 0.4f;
  static constexpr float kPerLevel = 1.0f / 17.5f, kFirstLevel = 0.45f;
  static constexpr float kDigits[16] = {1, 3, 9, 27, 81, 243, 729, 2187,
                                        1, 3, 9, 27, 81, 243, 729, 2187};
  static constexpr float kFirst = 1.2f, kStep = 0.08f;
  static constexpr int kSteps = 10;
  static constexpr float kRestored = kRestoredIq2;
};

struct Iq2s : Iq2Grid {
  static constexpr int kSub = 16;
  static constexpr GridSigns kSigns = GridSigns::kFree;
};
struct Iq2xs : Iq2Grid {
  static constexpr int kSub = 16;
  static constexpr GridSigns kSigns = GridSigns::kEven;
};
struct Iq2xxs : Iq2Grid {
  static constexpr int kSub = 32;
  static constexpr GridSigns kSigns = GridSigns::kEven;
};

// Ternary points with an offset.
struct Iq1Grid {
  static constexpr int kDims = 8, kLevels = 3, kMaxCode = 7;
  static constexpr GridSigns kSigns = GridSigns::kInPoints;
  static constexpr float kOffsets[2] = {0.125f, -0.125f};
  static constexpr float kUnit = 1.0f, kMinPoint = 0.125f, kMaxPoint = 1.125f, kLowest = 0.0f;
  static constexpr float kPerLevel = 1.0f, kFirstLevel = -1.0f;  // points -1, 0, 1
  static constexpr float kDigits[16] = {1, 3, 9, 27, 81, 243, 729, 2187,
                                        1, 3, 9, 27, 81, 243, 729, 2187};
  static constexpr float kFirst = 1.1f, kStep = 0.08f;
  static constexpr int kSteps = 11;
  static constexpr float kRestored = kRestoredIq1;
};

struct Iq1s : Iq1Grid {
  static constexpr int kSub = 32;
  static constexpr bool kOneOffset = true;
};
struct Iq1m : Iq1Grid {
  static constexpr int kSub = 16;
  static constexpr bool kOneOffset = false;
};

}  // namespace lathe::LATHE_CODEC_TIER
