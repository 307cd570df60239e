// IQ2_XXS: 256 elements in 8 groups of 32, code book of 256 entries of 8 elements.
//
//   value = d * (0.5 + code) * 0.25 * kIq2xxsGrid[index] * sign (kSignMasks)
#pragma once

#include <cstdint>

namespace lathe {

struct BlockIQ2_XXS {
  std::uint16_t d;       // f16 scale of the scales
  std::uint16_t qs[32];  // 8 bytes per group: u32 of four grid indices, then u32 of four 7-bit sign
                         // indices and the 4-bit scale code on top
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

}  // namespace lathe
