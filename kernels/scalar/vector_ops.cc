// The steps between matrix products: norm, residual sums, gates, rotary positions, log-softmax.
#include <math.h>

#include "kernels/scalar/parts.h"

namespace lathe {
namespace {

void rms_norm(const float* x, const float* weight, std::size_t n, float eps, float* y) noexcept {
  double squares = 0.0;
  for (std::size_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * x[i];
  const float mean = static_cast<float>(squares / static_cast<double>(n));
  const float factor = 1.0f / sqrtf(mean + eps);
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * factor * weight[i];
}

void add(float* x, const float* y, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] += y[i];
}

void scale(float* x, float factor, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] *= factor;
}

// silu(z) = z / (1 + e^-z); e^-z may overflow to infinity, then the quotient is zero as it should.
void silu_mul(const float* gate, const float* up, std::size_t n, float* out) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    const float z = gate[i];
    out[i] = z / (1.0f + expf(-z)) * up[i];
  }
}

void rope(float* x, std::size_t n_heads, std::size_t head_dim, const float* cos, const float* sin,
          RopePairing pairing) noexcept {
  const std::size_t n_pairs = head_dim / 2;
  const bool interleaved = pairing == RopePairing::kInterleaved;
  const std::size_t step = interleaved ? 2 : 1;
  const std::size_t partner = interleaved ? 1 : n_pairs;
  for (std::size_t h = 0; h < n_heads; ++h, x += head_dim) {
    for (std::size_t i = 0; i < n_pairs; ++i) {
      const float a = x[i * step];
      const float b = x[i * step + partner];
      x[i * step] = a * cos[i] - b * sin[i];
      x[i * step + partner] = a * sin[i] + b * cos[i];
    }
  }
}

void log_sum_exp(const float* x, std::size_t n, float* max, double* sum) noexcept {
  float largest = x[0];
  for (std::size_t i = 1; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  double total = 0.0;
  for (std::size_t i = 0; i < n; ++i) total += static_cast<double>(expf(x[i] - largest));
  *max = largest;
  *sum = total;
}

}  // namespace

void fill_scalar_vector_ops(KernelTable& table) noexcept {
  table.rms_norm = rms_norm;
  table.add = add;
  table.scale = scale;
  table.silu_mul = silu_mul;
  table.rope = rope;
  table.log_sum_exp = log_sum_exp;
}

}  // namespace lathe
