// Elements of the float formats as eight lanes at a time, or one.
#pragma once

#include "kernels/formats/format.h"
#include "kernels/half.h"
#include "kernels/lanes/words.h"

namespace lathe {
namespace {

template <Format F>
struct FloatElem;

template <>
struct FloatElem<Format::F32> {
  using Type = float;
  static LATHE_INLINE F32x8 load_8(const float* p) noexcept { return load(p); }
  static LATHE_INLINE float load_1(const float* p) noexcept { return *p; }
  static LATHE_INLINE void store_8(float* p, F32x8 x) noexcept { store(p, x); }
  static LATHE_INLINE void store_1(float* p, float x) noexcept { *p = x; }
};

template <>
struct FloatElem<Format::F16> {
  using Type = std::uint16_t;
  static LATHE_INLINE F32x8 load_8(const std::uint16_t* p) noexcept { return load_f16(p); }
  static LATHE_INLINE float load_1(const std::uint16_t* p) noexcept { return f32_from_f16(*p); }
  static LATHE_INLINE void store_8(std::uint16_t* p, F32x8 x) noexcept { store_f16(p, x); }
  static LATHE_INLINE void store_1(std::uint16_t* p, float x) noexcept { *p = f16_from_f32(x); }
};

template <>
struct FloatElem<Format::BF16> {
  using Type = std::uint16_t;
  static LATHE_INLINE F32x8 load_8(const std::uint16_t* p) noexcept { return load_bf16(p); }
  static LATHE_INLINE float load_1(const std::uint16_t* p) noexcept { return f32_from_bf16(*p); }
  static LATHE_INLINE void store_8(std::uint16_t* p, F32x8 x) noexcept { store_bf16(p, x); }
  static LATHE_INLINE void store_1(std::uint16_t* p, float x) noexcept { *p = bf16_from_f32(x); }
};

template <Format F>
void decode_floats(const void* blocks, std::size_t n, float* out) noexcept {
  using E = FloatElem<F>;
  const auto* x = static_cast<const typename E::Type*>(blocks);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) store(out + i, E::load_8(x + i));
  for (; i < n; ++i) out[i] = E::load_1(x + i);
}

template <Format F>
void encode_floats(const float* x, std::size_t n, void* blocks) noexcept {
  using E = FloatElem<F>;
  auto* out = static_cast<typename E::Type*>(blocks);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) E::store_8(out + i, load(x + i));
  for (; i < n; ++i) E::store_1(out + i, x[i]);
}

}  // namespace
}  // namespace lathe
