// TQ2_0: 256 elements of -1, 0, 1 (2 is legal too), 2 bits each, one scale.
//
//   value = d * (q - 1)
#pragma once

#include <cstdint>

namespace lathe {

struct BlockTQ2_0 {
  std::uint8_t qs[64];  // element 128 h + 32 p + c: bits 2p of byte 32 h + c
  std::uint16_t d;      // f16 scale
};
static_assert(sizeof(BlockTQ2_0) == 66);

}  // namespace lathe
