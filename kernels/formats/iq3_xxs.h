// IQ3_XXS: 256 elements in 8 groups of 32, code book of 256 entries of 4 elements.
//
//   value = d * (0.5 + code) * 0.5 * kIq3xxsGrid[index] * sign (kSignMasks)
#pragma once

#include <cstdint>

namespace lathe {

struct BlockIQ3_XXS {
  std::uint16_t d;                // f16 scale of the scales
  std::uint8_t qs[64];            // grid index of each 4 elements
  std::uint8_t scales_signs[32];  // little-endian u32 per group: four 7-bit sign indices of 8
                                  // elements, the 4-bit scale code on top
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

}  // namespace lathe
