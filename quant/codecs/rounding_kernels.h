// The inner loops of calibrated rounding (quant/calibrate/rounding), as one instruction set has
// them. Rows of the matrix are lanes: an array "[n, kLanes]" holds one number for each of n columns
// and kLanes rows, rows side by side.
//
// With w* the target, v the rounded value and e = w* - v the error, the cost of a row is
//
//   e H e^T = sum_j D_j (e_j + sum_{k before j} e_k N_kj)^2                         (factor.h)
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace lathe {

inline constexpr std::size_t kRoundingLanes = 128, kRoundingStep = 32;

// The levels of a format with scales: value = scale * level - min.
struct LevelSet {
  bool iq4 = false;         // the 16 uneven levels of IQ4_NL and IQ4_XS
  float low = 0, high = 0;  // else the integers low..high, stored less low
};

// Columns that share a scale and a minimum, in the order in which they are rounded.
struct SubBlockRounding {
  LevelSet levels;
  std::size_t n_rows;
  std::size_t n_cols;     // 16 or 32
  const float* target;    // [n_cols, kLanes] w*
  const float* wanted;    // [n_cols, kLanes] w* and what the errors of columns before ask for
  const float* feedback;  // [n_cols, n_cols] N among these columns, feedback_stride apart
  std::size_t feedback_stride;
  const float* weights;  // [n_cols] D
  const float* scales;   // [n_candidates, kLanes]: pairs to choose from, row by row
  const float* mins;
  int n_candidates;

  float* errors;        // out: [n_cols, kLanes] e
  std::uint8_t* codes;  // out: [n_cols, kLanes]
  int* choices;         // out: [kLanes] candidate with the least cost, the first of equals
  float* costs;         // out: [kLanes] its cost
};

// Columns side by side, whose scales stay: each in turn takes the level that minimises e H e^T with
// all others as they are.
struct Sweep {
  LevelSet levels;
  std::size_t n_rows;
  std::size_t n_cols;
  std::size_t sub_block;  // columns that share a scale
  const float* target;    // [n_cols, kLanes]
  const float* h;         // [n_cols, n_cols] H among these columns, h_stride apart
  std::size_t h_stride;
  const float* scales;  // [n_cols / sub_block, kLanes]
  const float* mins;

  float* gradient;      // [n_cols, kLanes] e H; scratch afterwards
  float* errors;        // in and out: [n_cols, kLanes]
  std::uint8_t* codes;  // in and out
  float* changes;       // out: [kLanes] of e H e^T, never positive but for rounding
};

// What is stored of columns in a grid format, besides scales: for each 8 columns (an octet) the
// points of 8 or twice 4 of them, a bit for each sign, and which of IQ1's offsets.
struct GridChoices {
  std::uint16_t* indices;  // [n_cols / 8 or 4, kLanes]
  std::uint8_t* signs;     // [n_cols / 8, kLanes]
  std::uint8_t* offsets;   // [n_cols / 8, kLanes]
};

// A sub-block in a grid format; octets may be in any order, columns in them are not moved.
struct GridSubBlockRounding {
  Format format;
  std::size_t n_rows;
  const float* target;  // as in SubBlockRounding
  const float* wanted;
  const float* feedback;
  std::size_t feedback_stride;
  const float* weights;
  const float* d;  // [kLanes] super-scales

  std::uint8_t* codes;  // in and out: [kLanes] of the scale; those around are tried
  float* errors;        // out: [sub-block, kLanes]
  GridChoices choices;  // out
  float* costs;         // out: [kLanes]
};

// As Sweep: each octet in turn takes the best points with its scale as it is.
struct GridSweep {
  Format format;
  std::size_t n_rows;
  std::size_t n_cols;  // of one super-block
  const float* target;
  const float* h;
  std::size_t h_stride;
  const float* d;             // [kLanes]
  const std::uint8_t* codes;  // [n_cols / sub-block, kLanes]

  float* gradient;
  float* errors;
  GridChoices choices;  // in and out
  float* changes;
};

struct RoundingKernels {
  void (*round_sub_block)(const SubBlockRounding& work) noexcept;
  void (*sweep)(const Sweep& work) noexcept;
  void (*round_grid)(const GridSubBlockRounding& work) noexcept;
  void (*sweep_grid)(const GridSweep& work) noexcept;
};

}  // namespace lathe
