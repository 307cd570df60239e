// Q4_1: 32 elements, 4 bits each, scale and minimum.
//
//   value = d * q + m
#pragma once

#include <cstdint>

namespace lathe {

struct BlockQ4_1 {
  std::uint16_t d, m;   // f16 scale and minimum
  std::uint8_t qs[16];  // byte j: element j low nibble, element j + 16 high nibble
};
static_assert(sizeof(BlockQ4_1) == 20);

}  // namespace lathe
