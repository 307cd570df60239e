// Whole blocks of any integer format to codes, scales and minimums (UnpackFn, kernel_table.h).
#pragma once

#include "kernels/lanes/codes_iq.h"
#include "kernels/lanes/codes_k.h"

namespace lathe {
namespace {

template <Format F>
LATHE_INLINE void unpack_one(const Block<F>& b, std::int8_t* codes, float* scales,
                             float* mins) noexcept {
  if constexpr (CodeReader<F>::kVector) {
    CodeReader<F>::read_scales(b, scales, mins);
    unroll<format_info(F).block_elems / 32>([&](auto j) LATHE_LAMBDA_INLINE {
      constexpr int kJ = decltype(j)::value;
      store_bytes(codes + 32 * kJ, CodeReader<F>::template codes<kJ>(b));
    });
  } else {
    unpack_block(b, codes, scales, mins);
  }
}

// UnpackFn of the format.
template <Format F>
void unpack(const void* blocks, std::size_t n, std::int8_t* codes, float* scales,
            float* mins) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  const auto* b = static_cast<const Block<F>*>(blocks);
  for (std::size_t i = 0; i < n / kInfo.block_elems; ++i) {
    unpack_one<F>(b[i], codes, scales, mins);
    codes += kInfo.block_elems;
    scales += kInfo.block_elems / kInfo.group;
    if (kInfo.has_min) mins += kInfo.block_elems / kInfo.group;
  }
}

}  // namespace
}  // namespace lathe
