#include "runtime/gradient/dense_product.h"

#include <algorithm>

#include "runtime/algebra/products.h"

namespace lathe {
namespace {

constexpr std::size_t kPanelElements = std::size_t{4} << 20;  // 16 MB of weights at once
constexpr std::size_t kPanelRows = 64;                        // a multiple of this, at least
constexpr std::size_t kDecodeRows = 16;                       // that a thread decodes at once

std::size_t rows_in_panel(std::size_t cols) noexcept {
  const std::size_t fitting = kPanelElements / std::max<std::size_t>(1, cols);
  return std::max(kPanelRows, fitting / kPanelRows * kPanelRows);
}

std::size_t pieces(std::size_t n, std::size_t piece) noexcept { return (n + piece - 1) / piece; }

}  // namespace

MatrixView<const float> DenseProducts::decode(const WeightView& w, std::size_t first,
                                              std::size_t n) {
  panel_.resize(std::max(panel_.size(), n * w.cols));
  const DecodeFn decode_blocks = kernels_.decode[index_of(w.format)];
  pool_.for_each(pieces(n, kDecodeRows), [&](std::size_t piece, int) noexcept {
    const std::size_t row = piece * kDecodeRows, count = std::min(kDecodeRows, n - row);
    decode_blocks(w.slice_rows(first + row, count).data, count * w.cols,
                  panel_.data() + row * w.cols);
  });
  return {panel_.data(), n, w.cols};
}

void DenseProducts::forward(const WeightView& w, const WeightView& bias, MatrixView<const float> x,
                            MatrixView<float> y) {
  for (std::size_t first = 0, n = 0; first < w.rows; first += n) {
    n = std::min(rows_in_panel(w.cols), w.rows - first);
    const MatrixView<const float> panel = decode(w, first, n);
    multiply_nt<float>(pool_, x, panel, y.columns(first, n));
  }
  if (!bias) return;
  const auto* const b = reinterpret_cast<const float*>(bias.data);
  for (std::size_t t = 0; t < y.rows; ++t) {
    for (std::size_t r = 0; r < y.cols; ++r) y.row(t)[r] += b[r];
  }
}

void DenseProducts::backward(const WeightView& w, MatrixView<const float> g, MatrixView<float> dx) {
  for (std::size_t first = 0, n = 0; first < w.rows; first += n) {
    n = std::min(rows_in_panel(w.cols), w.rows - first);
    const MatrixView<const float> panel = decode(w, first, n);
    multiply<float>(pool_, g.columns(first, n), panel, dx,
                    first == 0 ? Into::kReplaced : Into::kAdded);
  }
}

}  // namespace lathe
