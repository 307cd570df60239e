// Code books of the grid formats as encoders search them: the points as floats, and for every
// combination of rounded levels the points nearest to it.
//
// A group of 4 (iq3) or 8 (iq2, iq1) numbers is rounded to levels one by one. The combination, its
// cell, is seldom a point of the code book; the best point for the numbers and their weights is
// almost always among the few points nearest to the cell.
#pragma once

#include <cstdint>

namespace lathe {

inline constexpr int kGridNeighbours = 8;

struct GridTable {
  const float* points;              // [n_points, n_dims] what the decoder multiplies by the scale
  const std::uint16_t* neighbours;  // [n_levels ^ n_dims, kGridNeighbours] points, nearest first
  const std::int8_t* coordinates;   // [n_levels ^ n_dims, n_dims, kGridNeighbours] of those points
};

// Built on first use, a few milliseconds each. A cell is the sum of level_j * n_levels ^ j.
const GridTable& iq3_s_table() noexcept;
const GridTable& iq3_xxs_table() noexcept;
const GridTable& iq2_s_table() noexcept;
const GridTable& iq2_xs_table() noexcept;
const GridTable& iq2_xxs_table() noexcept;
const GridTable& iq1_table() noexcept;  // IQ1_S and IQ1_M

}  // namespace lathe
