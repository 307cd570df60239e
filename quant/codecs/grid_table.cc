#include "quant/codecs/grid_table.h"

#include <algorithm>
#include <cstddef>

#include "kernels/formats/codebooks.h"

namespace lathe {
namespace {

constexpr int power(int base, int exponent) noexcept {
  return exponent == 0 ? 1 : base * power(base, exponent - 1);
}

template <int kDims, int kLevels, int kPoints>
struct Storage {
  static constexpr int kCells = power(kLevels, kDims);

  float points[kPoints * kDims];
  std::uint16_t neighbours[kCells * kGridNeighbours];
  std::int8_t coordinates[kCells * kDims * kGridNeighbours];
  GridTable table{points, neighbours, coordinates};

  // entries: a point each, byte j for dimension j; values: what the levels decode to.
  template <class Entry>
  Storage(const Entry* entries, const int (&values)[kLevels]) noexcept {
    for (int p = 0; p < kPoints; ++p) {
      for (int j = 0; j < kDims; ++j) {
        points[p * kDims + j] =
            static_cast<float>(static_cast<std::int8_t>(entries[p] >> 8 * j & 255));
      }
    }
    for (int cell = 0; cell < kCells; ++cell) find_neighbours(cell, values);
  }

  void find_neighbours(int cell, const int (&values)[kLevels]) noexcept {
    float at[kDims];
    for (int j = 0, rest = cell; j < kDims; ++j, rest /= kLevels) {
      at[j] = static_cast<float>(values[rest % kLevels]);
    }
    float distances[kGridNeighbours];  // ascending
    std::uint16_t* nearest = neighbours + cell * kGridNeighbours;
    int n = 0;
    for (int p = 0; p < kPoints; ++p) {
      float distance = 0.0f;
      for (int j = 0; j < kDims; ++j) {
        const float e = points[p * kDims + j] - at[j];
        distance += e * e;
      }
      if (n == kGridNeighbours && distance >= distances[n - 1]) continue;
      int place = n < kGridNeighbours ? n++ : n - 1;
      for (; place > 0 && distances[place - 1] > distance; --place) {
        distances[place] = distances[place - 1];
        nearest[place] = nearest[place - 1];
      }
      distances[place] = distance;
      nearest[place] = static_cast<std::uint16_t>(p);
    }
    for (int j = 0; j < kDims; ++j) {
      for (int k = 0; k < kGridNeighbours; ++k) {
        coordinates[(cell * kDims + j) * kGridNeighbours + k] =
            static_cast<std::int8_t>(points[nearest[k] * kDims + j]);
      }
    }
  }
};

constexpr int kIq1Values[3] = {-1, 0, 1};
constexpr int kIq2Values[3] = {8, 25, 43};
constexpr int kIq3sValues[8] = {1, 3, 5, 7, 9, 11, 13, 15};
constexpr int kIq3xxsValues[8] = {4, 12, 20, 28, 36, 44, 52, 62};

}  // namespace

const GridTable& iq3_s_table() noexcept {
  static const Storage<4, 8, 512> storage(kIq3sGrid, kIq3sValues);
  return storage.table;
}
const GridTable& iq3_xxs_table() noexcept {
  static const Storage<4, 8, 256> storage(kIq3xxsGrid, kIq3xxsValues);
  return storage.table;
}
const GridTable& iq2_s_table() noexcept {
  static const Storage<8, 3, 1024> storage(kIq2sGrid, kIq2Values);
  return storage.table;
}
const GridTable& iq2_xs_table() noexcept {
  static const Storage<8, 3, 512> storage(kIq2xsGrid, kIq2Values);
  return storage.table;
}
const GridTable& iq2_xxs_table() noexcept {
  static const Storage<8, 3, 256> storage(kIq2xxsGrid, kIq2Values);
  return storage.table;
}

const GridTable& iq1_table() noexcept {
  static const Storage<8, 3, 2048> storage(kIq1sGrid, kIq1Values);
  return storage.table;
}

}  // namespace lathe
