// NVFP4: 64 elements of E2M1 in four sub-blocks of 16, each with an E4M3 scale.
//
//   value = v(d[s]) / 2 * kFp4Values[q], with E = d >> 3 & 15, M = d & 7:
//   v = 0 for 0 and 0x7f, M * 2^-9 for E = 0, else (1 + M / 8) * 2^(E - 7).
#pragma once

#include <cstdint>

namespace lathe {

struct BlockNVFP4 {
  std::uint8_t d[4];  // unsigned E4M3 scale of sub-block s; bit 7 is ignored
  std::uint8_t
      qs[32];  // sub-block s, byte 8 s + j: element j low nibble, element j + 8 high nibble
};
static_assert(sizeof(BlockNVFP4) == 36);

}  // namespace lathe
