// Q5_1: 32 elements, 5 bits each, scale and minimum.
//
//   value = d * q + m
#pragma once

#include <cstdint>

namespace lathe {

struct BlockQ5_1 {
  std::uint16_t d, m;   // f16 scale and minimum
  std::uint8_t qh[4];   // little-endian u32: bit e is the fifth bit of element e
  std::uint8_t qs[16];  // byte j: element j low nibble, element j + 16 high nibble
};
static_assert(sizeof(BlockQ5_1) == 24);

}  // namespace lathe
