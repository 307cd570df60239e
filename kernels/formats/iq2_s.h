// IQ2_S: 256 elements, code book of 1024 entries of 8 elements, one 4-bit scale per 16.
//
//   value = d * (0.5 + code) * 0.25 * kIq2sGrid[index] * sign
#pragma once

#include <cstdint>

namespace lathe {

struct BlockIQ2_S {
  std::uint16_t d;         // f16 scale of the scales
  std::uint8_t qs[32];     // low 8 bits of the grid index of each 8 elements
  std::uint8_t signs[32];  // bit j: element j of the 8 is negated
  std::uint8_t qh[8];      // group of 32: high 2 bits of its four indices
  std::uint8_t scales[8];  // group of 32: low nibble for elements 0-15, high nibble for 16-31
};
static_assert(sizeof(BlockIQ2_S) == 82);

}  // namespace lathe
