// IQ3_S: 256 elements in 8 groups of 32, code book of 512 entries of 4 elements.
//
//   value = d * (1 + 2 * code) * kIq3sGrid[index] * sign
#pragma once

#include <cstdint>

namespace lathe {

struct BlockIQ3_S {
  std::uint16_t d;         // f16 scale of the scales
  std::uint8_t qs[64];     // low 8 bits of the grid index of each 4 elements
  std::uint8_t qh[8];      // group of 32: bit t is the ninth bit of its index t
  std::uint8_t signs[32];  // bit j: element j of the 8 is negated
  std::uint8_t scales[4];  // group ib: nibble ib % 2 of byte ib / 2
};
static_assert(sizeof(BlockIQ3_S) == 110);

}  // namespace lathe
