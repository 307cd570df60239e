#include "quant/costs/rounding_gains.h"

#include <algorithm>
#include <utility>

#include "quant/calibrate/conditioned.h"
#include "quant/calibrate/rounding/rounding.h"
#include "runtime/algebra/dense_matrix.h"
#include "runtime/algebra/products.h"

namespace lathe {
namespace {

// E[x x^T] as calibrated rounding uses it.
DenseMatrix<float> second_moment(MatrixView<const float> x, const CalibrationSettings& settings,
                                 ThreadPool& pool) {
  DenseMatrix<float> h(x.cols, x.cols);
  add_gram<float>(pool, x, h.view());
  mirror_lower<float>(pool, h.view());
  return conditioned(std::move(h), settings.damping, settings.shrinkage);
}

DenseMatrix<float> spread_rows(const TensorSource& source, const TensorInfo& tensor,
                               std::size_t n_rows, const KernelTable& kernels) {
  const std::size_t n = std::min<std::size_t>(n_rows, tensor.rows());
  DenseMatrix<float> rows(n, tensor.cols());
  std::vector<std::uint8_t> buffer(row_bytes(tensor.format, tensor.cols()));
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t row = (2 * i + 1) * tensor.rows() / (2 * n);
    kernels.decode[index_of(tensor.format)](source.rows(tensor, row, 1, buffer).data(),
                                            tensor.cols(), rows.row(i));
  }
  return rows;
}

}  // namespace

void GainObserver::on_input(TensorId weight, MatrixView<const float> x,
                            MatrixView<const float> dx) {
  sums_.on_input(weight, x, dx);
  const TensorInfo* tensor = weight.layer < 0 ? nullptr : source_.find(tensor_name(weight));
  if (tensor == nullptr || x.cols % 32 != 0) return;
  gains_[tensor->name] = round_rows(*tensor, x);
}

RoundingGains GainObserver::round_rows(const TensorInfo& tensor, MatrixView<const float> x) {
  RoundingGains gains;
  gains.fill(1.0);
  const DenseMatrix<float> h = second_moment(x, options_.settings, pool_);
  const RoundingFactor factor(pool_, h);
  const std::size_t n_rows = options_.n_rows == 0 ? tensor.rows() : options_.n_rows;
  const DenseMatrix<float> rows = spread_rows(source_, tensor, n_rows, kernels_);
  std::vector<std::uint8_t> blocks;
  for (const Format format : options_.formats) {
    const bool fits = x.cols % format_info(format).block_elems == 0;
    if (!fits || !can_round_calibrated(format)) continue;
    blocks.resize(rows.rows() * row_bytes(format, x.cols));
    const RoundingErrors errors =
        round_calibrated(format, rows, h, factor, kernels_.tier, pool_, blocks.data());
    if (errors.bad_row || !(errors.nearest > 0.0)) continue;
    gains[index_of(format)] = std::min(1.0, errors.calibrated / errors.nearest);
  }
  return gains;
}

}  // namespace lathe
