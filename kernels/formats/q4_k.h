// Q4_K: 256 elements, 4 bits each, 8 sub-blocks of 32 with 6-bit scale and minimum.
//
//   value = (d * scale) * q - (dmin * minimum)
//
//   Scales s[0..11] of sub-block j, shared with Q5_K:
//     j < 4:  scale = s[j] & 63                           minimum = s[j + 4] & 63
//     j >= 4: scale = s[j + 4] & 15 | s[j - 4] >> 6 << 4  minimum = s[j + 4] >> 4 | s[j] >> 6 << 4
#pragma once

#include <cstdint>

namespace lathe {

struct BlockQ4_K {
  std::uint16_t d, dmin;    // f16 scales of the scales and of the minimums
  std::uint8_t scales[12];  // 6-bit pairs, packed as below
  std::uint8_t qs[128];     // element 64 g + 32 t + c: nibble t of byte 32 g + c
};
static_assert(sizeof(BlockQ4_K) == 144);

}  // namespace lathe
