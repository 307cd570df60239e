// MXFP4: 32 elements of E2M1 (OCP microscaling), one power-of-two scale.
//
//   value = 2^(e - 128) * kFp4Values[q]; the table holds twice the E2M1 value, the scale half of
//   E8M0's. For e = 0, 1 the scale is the float32 subnormal 2^-128, 2^-127.
#pragma once

#include <cstdint>

namespace lathe {

struct BlockMXFP4 {
  std::uint8_t e;       // E8M0 scale
  std::uint8_t qs[16];  // byte j: element j low nibble, element j + 16 high nibble
};
static_assert(sizeof(BlockMXFP4) == 17);

}  // namespace lathe
