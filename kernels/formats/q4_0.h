// Q4_0: 32 elements, 4 bits each, one scale.
//
//   value = d * (q - 8)
#pragma once

#include <cstdint>

namespace lathe {

struct BlockQ4_0 {
  std::uint16_t d;      // f16 scale
  std::uint8_t qs[16];  // byte j: element j low nibble, element j + 16 high nibble
};
static_assert(sizeof(BlockQ4_0) == 18);

}  // namespace lathe
