// Q6_K: 256 elements, 6 bits each, 16 sub-blocks of 16 with an 8-bit scale.
//
//   value = (d * scale) * (q - 32)
#pragma once

#include <cstdint>

namespace lathe {

struct BlockQ6_K {
  std::uint8_t ql[128];  // low 4 bits of element 128 h + 32 p + c: nibble p / 2 of byte
                         // 64 h + 32 (p % 2) + c
  std::uint8_t qh[64];   // high 2 bits: bits 2p of byte 32 h + c
  std::int8_t scales[16];
  std::uint16_t d;  // f16 scale of the scales
};
static_assert(sizeof(BlockQ6_K) == 210);

}  // namespace lathe
