// IQ2_XS: 256 elements, code book of 512 entries of 8 elements, one 4-bit scale per 16.
//
//   value = d * (0.5 + code) * 0.25 * kIq2xsGrid[index] * sign (kSignMasks)
#pragma once

#include <cstdint>

namespace lathe {

struct BlockIQ2_XS {
  std::uint16_t d;         // f16 scale of the scales
  std::uint16_t qs[32];    // 8 elements: grid index in the low 9 bits, sign index in the high 7
  std::uint8_t scales[8];  // group of 32: low nibble for elements 0-15, high nibble for 16-31
};
static_assert(sizeof(BlockIQ2_XS) == 74);

}  // namespace lathe
