// F32, F16, BF16: plain arrays, blocks of one element. A type per format tells them apart.
#pragma once

#include <cstdint>

namespace lathe {

struct BlockF32 {
  float value;
};
static_assert(sizeof(BlockF32) == 4);

struct BlockF16 {
  std::uint16_t bits;  // IEEE binary16
};
static_assert(sizeof(BlockF16) == 2);

struct BlockBF16 {
  std::uint16_t bits;  // the top half of a binary32
};
static_assert(sizeof(BlockBF16) == 2);

}  // namespace lathe
