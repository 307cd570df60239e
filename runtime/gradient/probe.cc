#include "runtime/gradient/probe.h"

#include <algorithm>
#include <cmath>

namespace lathe {
namespace {

// SplitMix64 (Steele, Lea & Flood 2014): the n-th of a stream of 64 random bits.
std::uint64_t random_bits(std::uint64_t stream, std::uint64_t n) noexcept {
  std::uint64_t z = stream + (n + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

void probe_row(std::uint64_t stream, float* z, std::size_t n) noexcept {
  const float max = *std::max_element(z, z + n);
  double sum = 0.0;
  for (std::size_t k = 0; k < n; ++k) sum += std::exp(double{z[k]} - max);
  double sum_u = 0.0;
  for (std::size_t k = 0; k < n; ++k) {
    const bool minus = (random_bits(stream, k / 64) >> (k % 64) & 1) != 0;
    const double root = std::sqrt(std::exp(double{z[k]} - max) / sum);
    sum_u += minus ? -root : root;
    z[k] = static_cast<float>(minus ? -root : root);  // u: p is its square
  }
  for (std::size_t k = 0; k < n; ++k) {
    z[k] = static_cast<float>(z[k] - double{z[k]} * z[k] * sum_u);
  }
}

}  // namespace

void probe_rows(ThreadPool& pool, std::uint64_t seed, std::size_t first_row,
                MatrixView<float> logits) noexcept {
  pool.for_each(logits.rows, [&](std::size_t r, int) noexcept {
    probe_row(random_bits(seed, first_row + r), logits.row(r), logits.cols);
  });
}

}  // namespace lathe
