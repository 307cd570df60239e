// Inside of matmul: products looked up and ready to run. Not for others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/ops/matmul.h"

namespace lathe::matmul_detail {

inline constexpr std::size_t kMaxProducts = 4;  // of one call: q, k, v or gate, up

inline constexpr std::size_t kRowTokens = 16;  // that go through rows together

// The input converted to what a weight's format multiplies.
struct ConvertedInput {
  const std::uint8_t* data = nullptr;
  std::size_t stride = 0;  // bytes
  std::size_t n_items = 0;

  const std::uint8_t* row(std::size_t i) const noexcept { return data + i * stride; }
};

struct Job {
  const MatmulKernels* kernels = nullptr;
  WeightView weight;
  const float* bias = nullptr;  // [rows] or null
  ConvertedInput input;
  MatrixView<float> out;
};

void multiply_panels(ExecContext& ctx, std::span<const Job> jobs) noexcept;
void multiply_panels_gated(ExecContext& ctx, const Job& gate, const Job& up) noexcept;
std::size_t panel_scratch_bytes(const KernelTable& kernels, int n_threads, std::size_t n_items,
                                std::size_t n_in) noexcept;

void multiply_rows(ExecContext& ctx, std::span<const Job> jobs) noexcept;
// temp: [kRowTokens, rows of the weights]
void multiply_rows_gated(ExecContext& ctx, const Job& gate, const Job& up,
                         MatrixView<float> temp) noexcept;

inline void add_bias(const Job& job, std::size_t first_row, std::size_t n_rows, float* y) noexcept {
  if (job.bias == nullptr) return;
  for (std::size_t r = 0; r < n_rows; ++r) y[r] += job.bias[first_row + r];
}

}  // namespace lathe::matmul_detail
