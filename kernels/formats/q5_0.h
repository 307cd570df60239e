// Q5_0: 32 elements, 5 bits each, one scale.
//
//   value = d * (q - 16)
#pragma once

#include <cstdint>

namespace lathe {

struct BlockQ5_0 {
  std::uint16_t d;      // f16 scale
  std::uint8_t qh[4];   // little-endian u32: bit e is the fifth bit of element e
  std::uint8_t qs[16];  // byte j: element j low nibble, element j + 16 high nibble
};
static_assert(sizeof(BlockQ5_0) == 22);

}  // namespace lathe
