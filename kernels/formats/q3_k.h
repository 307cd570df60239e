// Q3_K: 256 elements, 3 bits each, 16 sub-blocks of 16 with a 6-bit scale.
//
//   value = (d * (scale - 32)) * (low + 4 * high - 4)
#pragma once

#include <cstdint>

namespace lathe {

struct BlockQ3_K {
  std::uint8_t hmask[32];   // high bit of element e: bit e / 32 of byte e % 32
  std::uint8_t qs[64];      // low bits of element 128 h + 32 p + c: bits 2p of byte 32 h + c
  std::uint8_t scales[12];  // low 4 bits of sub-block k: nibble k / 8 of byte k % 8;
                            // high 2 bits: bits 2 (k / 4) of byte 8 + k % 4
  std::uint16_t d;          // f16 scale of the scales
};
static_assert(sizeof(BlockQ3_K) == 110);

}  // namespace lathe
