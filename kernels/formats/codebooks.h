// Code books of the i-quants and 4-bit float formats: the tables that their indices point into.
//
// A grid entry packs the values of 8 (or, for iq3, 4) neighbouring elements, byte j for element j.
// Levels are the same entries in small integers, 2 bits each (iq3: 3 bits), element 0 lowest: what
// an encoder searches. codebook_levels.def holds the levels, codebooks.cc expands them at compile
// time.
//
//   book     level -> byte of the grid
//   iq2*     0, 1, 2 -> 8, 25, 43
//   iq3xxs   l -> 8 l + 4, but 7 -> 62
//   iq3s     l -> 2 l + 1
//   iq1s     l -> l - 1, as int8; serves IQ1_S and IQ1_M
#pragma once

#include <cstdint>

namespace lathe {

extern const std::uint64_t kIq2xxsGrid[256];
extern const std::uint64_t kIq2xsGrid[512];
extern const std::uint64_t kIq2sGrid[1024];
extern const std::uint32_t kIq3xxsGrid[256];
extern const std::uint32_t kIq3sGrid[512];
extern const std::uint64_t kIq1sGrid[2048];

extern const std::uint16_t kIq2xxsLevels[256];
extern const std::uint16_t kIq2xsLevels[512];
extern const std::uint16_t kIq2sLevels[1024];
extern const std::uint16_t kIq3xxsLevels[256];
extern const std::uint16_t kIq3sLevels[512];
extern const std::uint16_t kIq1sLevels[2048];

// Signs of 8 elements from a 7-bit index: bit j set = element j is negated. Bit 7 makes the number
// of negative elements even.
extern const std::uint8_t kSignMasks[128];

extern const std::int8_t kIq4Values[16];  // IQ4_NL and IQ4_XS
extern const std::int8_t kFp4Values[16];  // MXFP4 and NVFP4: twice the E2M1 value

}  // namespace lathe
