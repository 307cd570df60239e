// IQ4_XS: 256 elements in 8 groups of 32 as in IQ4_NL, each with a 6-bit scale.
//
//   value = d * (scale - 32) * kIq4Values[q]
#pragma once

#include <cstdint>

namespace lathe {

struct BlockIQ4_XS {
  std::uint16_t d;           // f16 scale of the scales
  std::uint16_t scales_h;    // bits 2 ib: high 2 bits of scale ib
  std::uint8_t scales_l[4];  // nibble ib % 2 of byte ib / 2: low 4 bits of scale ib
  std::uint8_t
      qs[128];  // group ib, byte 16 ib + j: element j low nibble, element j + 16 high nibble
};
static_assert(sizeof(BlockIQ4_XS) == 136);

}  // namespace lathe
