// Q2_0: 64 elements, 2 bits each, one scale.
//
//   value = d * (q - 1), q = 0..3
#pragma once

#include <cstdint>

namespace lathe {

struct BlockQ2_0 {
  std::uint16_t d;      // f16 scale
  std::uint8_t qs[16];  // element e: bits 2 (e % 4) of byte e / 4
};
static_assert(sizeof(BlockQ2_0) == 18);

}  // namespace lathe
