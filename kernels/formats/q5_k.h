// Q5_K: 256 elements, 5 bits each, 8 sub-blocks of 32 with 6-bit scale and minimum.
//
//   value = (d * scale) * q - (dmin * minimum)
#pragma once

#include <cstdint>

namespace lathe {

struct BlockQ5_K {
  std::uint16_t d, dmin;    // f16 scales of the scales and of the minimums
  std::uint8_t scales[12];  // 6-bit pairs, packed as in Q4_K (q4_k.h)
  std::uint8_t qh[32];      // fifth bit of element e: bit e / 32 of byte e % 32
  std::uint8_t qs[128];     // low bits of element 64 g + 32 t + c: nibble t of byte 32 g + c
};
static_assert(sizeof(BlockQ5_K) == 176);

}  // namespace lathe
