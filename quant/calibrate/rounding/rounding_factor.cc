#include "quant/calibrate/rounding/rounding_factor.h"

#include <algorithm>
#include <cmath>

#include "quant/codecs/codec.h"
#include "runtime/algebra/cholesky.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

// Sorts the columns, which are a run, in blocks of sizes[0] by falling mean of H_jj, and each block
// inside in blocks of the next size.
void sort_blocks(std::span<std::uint32_t> columns, std::span<const double> diagonal,
                 std::span<const std::size_t> sizes) {
  if (sizes.empty()) return;
  const std::size_t block = sizes[0];
  struct Block {
    double sum;
    std::uint32_t first;
  };
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < columns.size(); i += block) {
    double sum = 0.0;
    for (std::size_t j = i; j < i + block; ++j) sum += diagonal[columns[j]];
    blocks.push_back({sum, columns[i]});
  }
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const Block& a, const Block& b) { return a.sum > b.sum; });
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto inside = columns.subspan(i * block, block);
    for (std::size_t j = 0; j < block; ++j) {
      inside[j] = blocks[i].first + static_cast<std::uint32_t>(j);
    }
    sort_blocks(inside, diagonal, sizes.subspan(1));
  }
}

std::vector<std::uint32_t> rounding_order(std::span<const double> diagonal) {
  static constexpr std::size_t kSizes[] = {32, 16, 8};
  std::vector<std::uint32_t> order(diagonal.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
  sort_blocks(order, diagonal, kSizes);
  return order;
}

}  // namespace

RoundingFactor::RoundingFactor(ThreadPool& pool, MatrixView<const float> h) {
  const std::size_t n = h.rows;
  std::vector<double> diagonal(n);
  std::vector<float> plain(n);
  for (std::size_t j = 0; j < n; ++j) {
    diagonal[j] = plain[j] = h.row(j)[j];
    unit_ += diagonal[j] / static_cast<double>(n);
  }
  order_ = rounding_order(diagonal);
  importance_.resize(n);
  if (!prepare_importance(plain.data(), n, importance_.data()) || !std::isfinite(unit_)) {
    throw failed("the second moment of a matrix's input has a diagonal that is not positive");
  }

  // H / unit in the reverse of the order: its lower factor L, read backwards, is R.
  factor_ = AlignedBuffer(n * n * sizeof(float));
  const auto scale = static_cast<float>(1.0 / unit_);
  pool.for_each(n, [&](std::size_t i, int) noexcept {
    const float* from = h.row(order_[n - 1 - i]);
    float* to = factor() + i * n;
    for (std::size_t j = 0; j < n; ++j) to[j] = scale * from[order_[n - 1 - j]];
  });
  if (!factor_cholesky(pool, MatrixView<float>(factor(), n, n))) {
    throw failed("the second moment of a matrix's input is not positive definite");
  }
  std::reverse(factor(), factor() + n * n);

  weights_.resize(n);
  for (std::size_t j = 0; j < n; ++j) {
    const float r = factor()[j * n + j];
    weights_[j] = r * r;
  }
  std::vector<float> inverses(n);
  for (std::size_t j = 0; j < n; ++j) inverses[j] = 1.0f / factor()[j * n + j];
  pool.for_each(n, [&](std::size_t k, int) noexcept {
    float* to = factor() + k * n;
    std::fill(to, to + k, 0.0f);
    to[k] = 1.0f;
    for (std::size_t j = k + 1; j < n; ++j) to[j] *= inverses[j];
  });
}

}  // namespace lathe
