#include "kernels/formats/codebooks.h"

namespace lathe {
namespace {

// Eight 2-bit levels to eight bytes.
constexpr std::uint64_t expand8(unsigned levels, const std::uint8_t (&byte_of)[3]) noexcept {
  std::uint64_t grid = 0;
  for (int j = 0; j < 8; ++j) grid |= std::uint64_t{byte_of[(levels >> 2 * j) & 3]} << 8 * j;
  return grid;
}

// Four 3-bit levels to four bytes.
constexpr std::uint32_t expand4(unsigned levels, const std::uint8_t (&byte_of)[8]) noexcept {
  std::uint32_t grid = 0;
  for (int j = 0; j < 4; ++j) grid |= std::uint32_t{byte_of[(levels >> 3 * j) & 7]} << 8 * j;
  return grid;
}

constexpr std::uint8_t kIq2Bytes[3] = {8, 25, 43};
constexpr std::uint8_t kIq1Bytes[3] = {0xff, 0, 1};
constexpr std::uint8_t kIq3xxsBytes[8] = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr std::uint8_t kIq3sBytes[8] = {1, 3, 5, 7, 9, 11, 13, 15};

constexpr std::uint8_t sign_mask(unsigned s) noexcept {
  unsigned parity = 0;
  for (int j = 0; j < 7; ++j) parity ^= (s >> j) & 1;
  return static_cast<std::uint8_t>(s | parity << 7);
}

}  // namespace

#define X(levels) expand8(levels, kIq2Bytes),
#define LATHE_IQ2XXS
constinit const std::uint64_t kIq2xxsGrid[256] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ2XXS
#define LATHE_IQ2XS
constinit const std::uint64_t kIq2xsGrid[512] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ2XS
#define LATHE_IQ2S
constinit const std::uint64_t kIq2sGrid[1024] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ2S
#undef X

#define X(levels) expand8(levels, kIq1Bytes),
#define LATHE_IQ1S
constinit const std::uint64_t kIq1sGrid[2048] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ1S
#undef X

#define X(levels) expand4(levels, kIq3xxsBytes),
#define LATHE_IQ3XXS
constinit const std::uint32_t kIq3xxsGrid[256] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ3XXS
#undef X

#define X(levels) expand4(levels, kIq3sBytes),
#define LATHE_IQ3S
constinit const std::uint32_t kIq3sGrid[512] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ3S
#undef X

#define X(levels) levels,
#define LATHE_IQ2XXS
constinit const std::uint16_t kIq2xxsLevels[256] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ2XXS
#define LATHE_IQ2XS
constinit const std::uint16_t kIq2xsLevels[512] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ2XS
#define LATHE_IQ2S
constinit const std::uint16_t kIq2sLevels[1024] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ2S
#define LATHE_IQ3XXS
constinit const std::uint16_t kIq3xxsLevels[256] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ3XXS
#define LATHE_IQ3S
constinit const std::uint16_t kIq3sLevels[512] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ3S
#define LATHE_IQ1S
constinit const std::uint16_t kIq1sLevels[2048] = {
#include "kernels/formats/codebook_levels.def"
};
#undef LATHE_IQ1S
#undef X

#define X4(s) sign_mask(s), sign_mask(s + 1), sign_mask(s + 2), sign_mask(s + 3)
#define X16(s) X4(s), X4(s + 4), X4(s + 8), X4(s + 12)
constinit const std::uint8_t kSignMasks[128] = {X16(0),  X16(16), X16(32), X16(48),
                                                X16(64), X16(80), X16(96), X16(112)};
#undef X16
#undef X4

constinit const std::int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                              1,    13,   25,  38,  53,  69,  89,  113};
constinit const std::int8_t kFp4Values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                              0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace lathe
