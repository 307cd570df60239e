// The steps between matrix products: norm, residual sums, gates, rotary positions, log-softmax.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/lanes/exp.h"

namespace lathe {
namespace {

inline void rms_norm(const float* x, const float* weight, std::size_t n, float eps,
                     float* y) noexcept {
  F64x8 squares = zero_double();
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) accumulate_squares(squares, load(x + i));
  double total = sum(squares);
  for (; i < n; ++i) total += static_cast<double>(x[i]) * x[i];
  const float mean = static_cast<float>(total / static_cast<double>(n));
  const float factor = 1.0f / square_root(mean + eps);
  for (i = 0; i + 8 <= n; i += 8) store(y + i, load(x + i) * broadcast(factor) * load(weight + i));
  for (; i < n; ++i) y[i] = x[i] * factor * weight[i];
}

inline void add(float* x, const float* y, std::size_t n) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) store(x + i, load(x + i) + load(y + i));
  for (; i < n; ++i) x[i] += y[i];
}

inline void scale(float* x, float factor, std::size_t n) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) store(x + i, load(x + i) * broadcast(factor));
  for (; i < n; ++i) x[i] *= factor;
}

// n < 8 elements as a vector, the others `fill`.
LATHE_INLINE F32x8 load_some(const float* p, std::size_t n, float fill) noexcept {
  float lanes[8];
  for (std::size_t i = 0; i < 8; ++i) lanes[i] = i < n ? p[i] : fill;
  return load(lanes);
}

// silu(z) = z / (1 + e^-z); e^-z may overflow to infinity, then the quotient is zero as it should.
LATHE_INLINE F32x8 silu(F32x8 z) noexcept { return z / (broadcast(1.0f) + exp(zero() - z)); }

inline void silu_mul(const float* gate, const float* up, std::size_t n, float* out) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) store(out + i, silu(load(gate + i)) * load(up + i));
  if (i == n) return;
  float lanes[8];
  store(lanes, silu(load_some(gate + i, n - i, 0.0f)) * load_some(up + i, n - i, 0.0f));
  std::memcpy(out + i, lanes, (n - i) * sizeof(float));
}

LATHE_INLINE void rotate_halves(float* x, std::size_t n_pairs, const float* cos,
                                const float* sin) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= n_pairs; i += 8) {
    const F32x8 a = load(x + i), b = load(x + n_pairs + i);
    const F32x8 c = load(cos + i), s = load(sin + i);
    store(x + i, a * c - b * s);
    store(x + n_pairs + i, a * s + b * c);
  }
  for (; i < n_pairs; ++i) {
    const float a = x[i], b = x[n_pairs + i];
    x[i] = a * cos[i] - b * sin[i];
    x[n_pairs + i] = a * sin[i] + b * cos[i];
  }
}

LATHE_INLINE void rotate_interleaved(float* x, std::size_t n_pairs, const float* cos,
                                     const float* sin) noexcept {
  std::size_t i = 0;
  for (; i + 4 <= n_pairs; i += 4) {
    const F32x8 v = load(x + 2 * i);
    const F32x8 turned = alternate_sign(swap_pairs(v) * duplicate_pairs(sin + i));
    store(x + 2 * i, v * duplicate_pairs(cos + i) + turned);
  }
  for (; i < n_pairs; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    x[2 * i] = a * cos[i] - b * sin[i];
    x[2 * i + 1] = a * sin[i] + b * cos[i];
  }
}

inline void rope(float* x, std::size_t n_heads, std::size_t head_dim, const float* cos,
                 const float* sin, RopePairing pairing) noexcept {
  for (std::size_t h = 0; h < n_heads; ++h, x += head_dim) {
    if (pairing == RopePairing::kHalves) {
      rotate_halves(x, head_dim / 2, cos, sin);
    } else {
      rotate_interleaved(x, head_dim / 2, cos, sin);
    }
  }
}

inline void log_sum_exp(const float* x, std::size_t n, float* largest, double* total) noexcept {
  const float lowest = -__builtin_huge_valf();
  F32x8 m = broadcast(lowest);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) m = max(m, load(x + i));
  const F32x8 rest = load_some(x + i, n - i, lowest);
  *largest = max_of(max(m, rest));
  F64x8 s = zero_double();
  for (i = 0; i + 8 <= n; i += 8) accumulate(s, exp(load(x + i) - broadcast(*largest)));
  accumulate(s, exp(rest - broadcast(*largest)));
  *total = sum(s);
}

inline void set_steps(KernelTable& table) noexcept {
  table.rms_norm = rms_norm;
  table.add = add;
  table.scale = scale;
  table.silu_mul = silu_mul;
  table.rope = rope;
  table.log_sum_exp = log_sum_exp;
}

}  // namespace
}  // namespace lathe
