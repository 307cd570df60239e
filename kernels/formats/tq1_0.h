// TQ1_0: 256 ternary elements, five to a byte, one scale.
//
//   value = d * (digit - 1). A byte is a base-3 fraction of 256: digit n = ((byte * 3^n mod 256) *
//   3) >> 8.
#pragma once

#include <cstdint>

namespace lathe {

struct BlockTQ1_0 {
  std::uint8_t
      qs[48];  // element 32 n + m: digit n of byte m < 32; 160 + 16 n + m: digit n of byte 32 + m
  std::uint8_t qh[4];  // element 240 + 4 n + m: digit n < 4 of byte m
  std::uint16_t d;     // f16 scale
};
static_assert(sizeof(BlockTQ1_0) == 54);

}  // namespace lathe
