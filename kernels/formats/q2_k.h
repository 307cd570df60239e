// Q2_K: 256 elements, 2 bits each, 16 sub-blocks of 16 with 4-bit scale and minimum.
//
//   value = (d * scale) * q - (dmin * minimum)
#pragma once

#include <cstdint>

namespace lathe {

struct BlockQ2_K {
  std::uint8_t scales[16];  // sub-block k: scale low nibble, minimum high nibble
  std::uint8_t qs[64];      // element 128 h + 32 p + c: bits 2p of byte 32 h + c
  std::uint16_t d, dmin;    // f16 scales of the scales and of the minimums
};
static_assert(sizeof(BlockQ2_K) == 84);

}  // namespace lathe
