// Float lanes: the vocabulary of the encoders' searches. V4, V8 and V16 are 4, 8 and 16 floats.
//
// Files must come out the same on every CPU and in every build. So a sum over lanes has one fixed
// shape (the halves are added until one lane is left), all operations are IEEE ones, and this
// folder is compiled without contraction to fused multiply-adds. It is compiled once per
// instruction set (quant/CMakeLists.txt): what the CPU has no register for is a pair of halves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace lathe::LATHE_CODEC_TIER {
namespace {

// ---- the registers

template <class T>
struct Halves {
  T lo, hi;
};

using V4 = float __attribute__((vector_size(16)));
using I4 = std::int32_t __attribute__((vector_size(16)));
#if defined(__AVX2__)
using V8 = float __attribute__((vector_size(32)));
using I8 = std::int32_t __attribute__((vector_size(32)));
#else
using V8 = Halves<V4>;
using I8 = Halves<I4>;
#endif
#if defined(__AVX512F__)
using V16 = float __attribute__((vector_size(64)));
using I16 = std::int32_t __attribute__((vector_size(64)));
#else
using V16 = Halves<V8>;
using I16 = Halves<I8>;
#endif

template <class V>
inline constexpr bool kIsPair = false;
template <class T>
inline constexpr bool kIsPair<Halves<T>> = true;

template <class V>
inline constexpr int kLanes = sizeof(V) / sizeof(float);

// ---- pairs do everything half by half

#define LATHE_PAIR_OPERATOR(op)                                     \
  template <class T>                                                \
  inline Halves<T> operator op(Halves<T> a, Halves<T> b) noexcept { \
    return {a.lo op b.lo, a.hi op b.hi};                            \
  }
LATHE_PAIR_OPERATOR(+)
LATHE_PAIR_OPERATOR(-)
LATHE_PAIR_OPERATOR(*)
LATHE_PAIR_OPERATOR(/)
LATHE_PAIR_OPERATOR(&)
LATHE_PAIR_OPERATOR(|)
#undef LATHE_PAIR_OPERATOR
template <class T>
inline Halves<T>& operator+=(Halves<T>& a, Halves<T> b) noexcept {
  return a = a + b;
}
template <class T>
inline Halves<T> operator-(Halves<T> a) noexcept {
  return {-a.lo, -a.hi};
}
#define LATHE_PAIR_COMPARISON(op)                                                           \
  template <class T>                                                                        \
  inline auto operator op(Halves<T> a, Halves<T> b) noexcept {                              \
    return Halves<std::remove_cvref_t<decltype(a.lo op b.lo)>>{a.lo op b.lo, a.hi op b.hi}; \
  }
LATHE_PAIR_COMPARISON(<)
LATHE_PAIR_COMPARISON(>)
LATHE_PAIR_COMPARISON(<=)
LATHE_PAIR_COMPARISON(>=)
LATHE_PAIR_COMPARISON(==)
#undef LATHE_PAIR_COMPARISON

// ---- memory: register by register. GCC copies a pair as a whole through the stack, in pieces from
// which the wide loads behind cannot be forwarded, and every load waits.

template <class V>
inline V load(const void* p) noexcept {
  if constexpr (kIsPair<V>) {
    using Half = decltype(V::lo);
    return {load<Half>(p), load<Half>(static_cast<const char*>(p) + sizeof(Half))};
  } else {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
}
template <class V>
inline void store(float* p, V v) noexcept {
  if constexpr (kIsPair<V>) {
    store(p, v.lo);
    store(p + kLanes<decltype(V::lo)>, v.hi);
  } else {
    std::memcpy(p, &v, sizeof v);
  }
}
template <class V>
inline V splat(float x) noexcept {
  if constexpr (kIsPair<V>) {
    using Half = decltype(V::lo);
    return {splat<Half>(x), splat<Half>(x)};
  } else {
    return x - V{};
  }
}

// ---- choices: a comparison gives a mask, all ones in the lanes where it holds

template <class M, class V>
inline V select(M mask, V yes, V no) noexcept {
  if constexpr (kIsPair<V>) {
    return {select(mask.lo, yes.lo, no.lo), select(mask.hi, yes.hi, no.hi)};
  } else {
    return mask ? yes : no;
  }
}

// a < b ? a : b and a > b ? a : b, the second operand where a lane is not a number. On x86 these
// are exactly the instructions, but GCC does not see it.
template <class V>
inline V min(V a, V b) noexcept {
  if constexpr (kIsPair<V>) {
    return {min(a.lo, b.lo), min(a.hi, b.hi)};
  } else {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64) return (V)_mm512_min_ps((__m512)a, (__m512)b);
#endif
#if defined(__AVX2__)
    if constexpr (sizeof(V) == 32) return (V)_mm256_min_ps((__m256)a, (__m256)b);
#endif
#if defined(__SSE2__)
    if constexpr (sizeof(V) == 16) return (V)_mm_min_ps((__m128)a, (__m128)b);
#endif
    return a < b ? a : b;
  }
}
template <class V>
inline V max(V a, V b) noexcept {
  if constexpr (kIsPair<V>) {
    return {max(a.lo, b.lo), max(a.hi, b.hi)};
  } else {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64) return (V)_mm512_max_ps((__m512)a, (__m512)b);
#endif
#if defined(__AVX2__)
    if constexpr (sizeof(V) == 32) return (V)_mm256_max_ps((__m256)a, (__m256)b);
#endif
#if defined(__SSE2__)
    if constexpr (sizeof(V) == 16) return (V)_mm_max_ps((__m128)a, (__m128)b);
#endif
    return a > b ? a : b;
  }
}
template <class V>
inline V abs(V v) noexcept {
  return max(v, -v);
}

// ---- over lanes

template <class V>
inline auto low_half(V v) noexcept {
  if constexpr (kIsPair<V>) {
    return v.lo;
  } else if constexpr (sizeof(V) == 64) {
    return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
  } else {
    return __builtin_shufflevector(v, v, 0, 1, 2, 3);
  }
}
template <class V>
inline auto high_half(V v) noexcept {
  if constexpr (kIsPair<V>) {
    return v.hi;
  } else if constexpr (sizeof(V) == 64) {
    return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  } else {
    return __builtin_shufflevector(v, v, 4, 5, 6, 7);
  }
}

// Two registers side by side.
inline V8 combine(V4 lo, V4 hi) noexcept {
#if defined(__AVX2__)
  return __builtin_shufflevector(lo, hi, 0, 1, 2, 3, 4, 5, 6, 7);
#else
  return {lo, hi};
#endif
}
inline V16 combine(V8 lo, V8 hi) noexcept {
#if defined(__AVX512F__)
  return __builtin_shufflevector(lo, hi, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#else
  return {lo, hi};
#endif
}

// Exchanges each lane i with lane i ^ kDistance; kDistance is 1, 2 or 4.
template <int kDistance, class V>
inline V swap_lanes(V v) noexcept {
  if constexpr (kIsPair<V>) {
    if constexpr (sizeof(V) == 8 * kDistance) {
      return {v.hi, v.lo};
    } else {
      return {swap_lanes<kDistance>(v.lo), swap_lanes<kDistance>(v.hi)};
    }
  } else if constexpr (sizeof(V) == 16) {
    return __builtin_shufflevector(v, v, 0 ^ kDistance, 1 ^ kDistance, 2 ^ kDistance,
                                   3 ^ kDistance);
  } else if constexpr (sizeof(V) == 32) {
    return __builtin_shufflevector(v, v, 0 ^ kDistance, 1 ^ kDistance, 2 ^ kDistance, 3 ^ kDistance,
                                   4 ^ kDistance, 5 ^ kDistance, 6 ^ kDistance, 7 ^ kDistance);
  } else {
    return __builtin_shufflevector(v, v, 0 ^ kDistance, 1 ^ kDistance, 2 ^ kDistance, 3 ^ kDistance,
                                   4 ^ kDistance, 5 ^ kDistance, 6 ^ kDistance, 7 ^ kDistance,
                                   8 ^ kDistance, 9 ^ kDistance, 10 ^ kDistance, 11 ^ kDistance,
                                   12 ^ kDistance, 13 ^ kDistance, 14 ^ kDistance, 15 ^ kDistance);
  }
}

// The sum of each group of kGroup (4 or 8) neighbouring lanes, in all lanes of the group.
template <int kGroup, class V>
inline V sum_groups(V v) noexcept {
  v = v + swap_lanes<1>(v);
  v = v + swap_lanes<2>(v);
  if constexpr (kGroup == 8) v = v + swap_lanes<4>(v);
  return v;
}

template <class V>
inline float sum_lanes(V v) noexcept {
  if constexpr (sizeof(V) == 16) {
    return (v[0] + v[2]) + (v[1] + v[3]);
  } else {
    return sum_lanes(low_half(v) + high_half(v));
  }
}
template <class V>
inline float max_lane(V v) noexcept {
  if constexpr (sizeof(V) == 16) {
    const float a = v[0] > v[2] ? v[0] : v[2], b = v[1] > v[3] ? v[1] : v[3];
    return a > b ? a : b;
  } else {
    return max_lane(max(low_half(v), high_half(v)));
  }
}
template <class V>
inline float min_lane(V v) noexcept {
  return -max_lane(-v);
}

// ---- rounding

// Nearest integer, ties to even, for |v| < 2^22: the sum has no room for a fraction.
inline constexpr float kRoundMagic = 12582912.0f;  // 1.5 * 2^23
template <class V>
inline V round_even(V v) noexcept {
  return (v + splat<V>(kRoundMagic)) - splat<V>(kRoundMagic);
}
inline float round_even(float v) noexcept { return (v + kRoundMagic) - kRoundMagic; }

// Clamped before it is rounded, so that any finite or infinite v is safe.
template <class V>
inline V round_clamped(V v, float lo, float hi) noexcept {
  return round_even(min(max(v, splat<V>(lo)), splat<V>(hi)));
}
inline float round_clamped(float v, float lo, float hi) noexcept {
  return round_even(v < lo ? lo : v > hi ? hi : v);
}

// Small non-negative integers in float lanes, as bytes.
template <class V>
inline void store_bytes(std::uint8_t* p, V v) noexcept {
  if constexpr (sizeof(V) == 16) {
    const I4 i = __builtin_convertvector(v, I4);
    const std::uint32_t bytes =
        static_cast<std::uint32_t>(i[0] | i[1] << 8 | i[2] << 16 | i[3] << 24);
    std::memcpy(p, &bytes, sizeof bytes);
  } else {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                       _mm512_cvtepi32_epi8(_mm512_cvttps_epi32((__m512)v)));
      return;
    }
#endif
    store_bytes(p, low_half(v));
    store_bytes(p + kLanes<V> / 2, high_half(v));
  }
}

}  // namespace
}  // namespace lathe::LATHE_CODEC_TIER
