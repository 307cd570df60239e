// IQ1_S: 256 elements in 8 groups of 32, code book of 2048 entries of 8 ternary elements.
//
//   value = d * (2 * code + 1) * (kIq1sGrid[index] + offset), offset = bit 15 ? -1/8 : +1/8
#pragma once

#include <cstdint>

namespace lathe {

struct BlockIQ1_S {
  std::uint16_t d;      // f16 scale of the scales
  std::uint8_t qs[32];  // low 8 bits of the grid index of each 8 elements
  std::uint16_t qh[8];  // group: bits 3l: high 3 bits of index l; bits 12-14: scale code; bit 15:
                        // sign of the offset
};
static_assert(sizeof(BlockIQ1_S) == 50);

}  // namespace lathe
