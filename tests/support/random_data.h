// Reproducible random inputs for kernel tests and benches: floats, and blocks of any format with
// scales of a moderate size.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <type_traits>

#include "kernels/formats/blocks.h"
#include "kernels/half.h"

namespace lathe::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t bits() { return engine_(); }
  // Uniform in [0, n).
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  // Uniform in [-1, 1).
  float uniform() { return static_cast<float>(static_cast<double>(engine_() >> 11) * 0x1p-52 - 1); }
  // A sum of three uniforms: bell-shaped, within (-3, 3).
  float bell() { return uniform() + uniform() + uniform(); }

  void fill(std::span<float> x, float factor = 1.0f) {
    for (float& v : x) v = bell() * factor;
  }
  void fill(std::span<std::uint8_t> bytes) {
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(engine_() >> 24);
  }

 private:
  std::mt19937_64 engine_;
};

// Replaces the scale fields of a block of random bytes by finite values around 1/16.
template <typename Block>
void set_scales(Block& b, Random& random) {
  const auto half = [&] { return f16_from_f32(random.uniform() * 0.125f); };
  if constexpr (std::is_same_v<Block, BlockMXFP4>) {
    b.e = static_cast<std::uint8_t>(120 + random.below(8));
  } else if constexpr (std::is_same_v<Block, BlockNVFP4>) {
    for (auto& d : b.d) d = static_cast<std::uint8_t>(random.below(0x48));
  } else if constexpr (std::is_same_v<Block, BlockIQ1_M>) {
    const unsigned d = half();
    for (int i = 0; i < 4; ++i) {
      b.scales[i] = static_cast<std::uint16_t>((b.scales[i] & 0x0fff) | (d >> 4 * i & 15) << 12);
    }
  } else {
    b.d = half();
    if constexpr (requires { b.dmin; }) b.dmin = half();
    if constexpr (requires { b.m; }) b.m = half();
  }
}

template <Format F>
void fill_blocks(std::span<std::uint8_t> bytes, Random& random, int byte) {
  if constexpr (F == Format::F32) {
    for (std::size_t i = 0; i < bytes.size() / 4; ++i) {
      reinterpret_cast<float*>(bytes.data())[i] = random.bell();
    }
  } else if constexpr (F == Format::F16 || F == Format::BF16) {
    for (std::size_t i = 0; i < bytes.size() / 2; ++i) {
      const float x = random.bell();
      reinterpret_cast<std::uint16_t*>(bytes.data())[i] =
          F == Format::F16 ? f16_from_f32(x) : bf16_from_f32(x);
    }
  } else {
    using Block = typename BlockOf<F>::Type;
    if (byte >= 0) {
      std::memset(bytes.data(), byte, bytes.size());
    } else {
      random.fill(bytes);
    }
    for (std::size_t i = 0; i < bytes.size() / sizeof(Block); ++i) {
      set_scales(reinterpret_cast<Block*>(bytes.data())[i], random);
    }
  }
}

// Fills whole blocks of format f; with `byte` >= 0 an integer format's blocks hold that byte
// everywhere but in their scales.
inline void fill_blocks(Format f, std::span<std::uint8_t> bytes, Random& random, int byte = -1) {
  switch (f) {
#define LATHE_FORMAT(id, ...) \
  case Format::id:            \
    return fill_blocks<Format::id>(bytes, random, byte);
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
  }
}

}  // namespace lathe::test
