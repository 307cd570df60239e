// Q1_0: 128 signs, one scale.
//
//   value = bit ? d : -d
#pragma once

#include <cstdint>

namespace lathe {

struct BlockQ1_0 {
  std::uint16_t d;      // f16 scale
  std::uint8_t qs[16];  // element e: bit e % 8 of byte e / 8
};
static_assert(sizeof(BlockQ1_0) == 18);

}  // namespace lathe
