// The vocabulary that the kernels of kernels/lanes/ are written in: vectors of eight float32 or
// int32 lanes and of 32 bytes, as small value types. One ymm register each with AVX2, a pair of q
// registers with NEON. The instruction set comes from the tier's own compiler macros.
//
//   F32x8  load, store, broadcast, zero, + - * /, fma(a, b, c) = a * b + c, min, max, abs,
//          sum, max_of, sums_of_8 (lane i = sum of vector i), load_f16, load_bf16, store_f16,
//          store_bf16 (nearest even, NaNs quiet), load_codes (8 int8), to_f32, duplicate_pairs,
//          swap_pairs, alternate_sign, halves, transpose, load_raw, store_raw
//   I32x8  round_to_int (nearest even), power_of_two, broadcast, +, -, shift_right<N>
//   U8x32  load, store, broadcast, & | ^ + -, field<N, Mask>, shift_left<N> (per byte), nibbles (16
//   bytes,
//          low halves then high halves), lookup (16-entry table), expand_bits (bit e to byte e),
//          from_u64, swap_middle, narrow (32 int32), sums_of_16
//   F64x8  sums in double
//
// Each tier includes this in its own objects; everything has internal linkage (kernels/tiers.h).
#pragma once

#if defined(__AVX2__)
#include "kernels/avx2/words.h"
#elif defined(__ARM_NEON)
#include "kernels/neon/words.h"
#else
#error "no vector vocabulary for this instruction set"
#endif

namespace lathe {
namespace {

template <int I>
struct Int {
  static constexpr int value = I;
};

template <int... I, class Fn>
LATHE_INLINE void unroll_over(std::integer_sequence<int, I...>, Fn fn) noexcept {
  (fn(Int<I>{}), ...);
}

// fn(Int<0>), ..., fn(Int<N - 1>): loops whose index must be a constant.
template <int N, class Fn>
LATHE_INLINE void unroll(Fn fn) noexcept {
  unroll_over(std::make_integer_sequence<int, N>{}, fn);
}

template <class T>
LATHE_INLINE const T& lesser(const T& a, const T& b) noexcept {
  return b < a ? b : a;
}

}  // namespace
}  // namespace lathe
