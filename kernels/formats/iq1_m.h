// IQ1_M: as IQ1_S with a scale per 16 and an offset per 8 elements.
//
//   value = d * (2 * code + 1) * (kIq1sGrid[index] + offset), offset = bit ? -1/8 : +1/8
#pragma once

#include <cstdint>

namespace lathe {

struct BlockIQ1_M {
  std::uint8_t qs[32];  // low 8 bits of the grid index of each 8 elements
  std::uint8_t qh[16];  // nibble per 8 elements: high 3 bits of the index, then sign of the offset
  std::uint16_t scales[4];  // top nibbles together are the f16 scale, scales[0] lowest; below them
                            // four 3-bit scale codes, 16 elements each
};
static_assert(sizeof(BlockIQ1_M) == 56);

}  // namespace lathe
