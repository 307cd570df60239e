// IQ4_NL: 32 elements, 4-bit indices into a fixed table of uneven steps, one scale.
//
//   value = d * kIq4Values[q]
#pragma once

#include <cstdint>

namespace lathe {

struct BlockIQ4_NL {
  std::uint16_t d;      // f16 scale
  std::uint8_t qs[16];  // byte j: element j low nibble, element j + 16 high nibble
};
static_assert(sizeof(BlockIQ4_NL) == 18);

}  // namespace lathe
