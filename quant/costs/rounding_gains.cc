#include "quant/costs/rounding_gains.h"

#include <algorithm>
#include <utility>

#include "quant/calibrate/conditioned.h"
#include "quant/calibrate/plain_encoding.h"
#include "quant/calibrate/rounding/rounding.h"
#include "runtime/algebra/dense_matrix.h"
#include "runtime/algebra/products.h"

namespace lathe {
namespace {

// Tokens that decide, and those that judge: every fourth run of 64, or all where there is none.
class SplitTokens {
 public:
  explicit SplitTokens(MatrixView<const float> x) {
    const std::size_t n_judge = count(x.rows);
    decide_ = DenseMatrix<float>(x.rows - n_judge, x.cols);
    judge_ = DenseMatrix<float>(n_judge, x.cols);
    std::size_t decided = 0, judged = 0;
    for (std::size_t t = 0; t < x.rows; ++t) {
      std::copy_n(x.row(t), x.cols, judges(t) ? judge_.row(judged++) : decide_.row(decided++));
    }
  }

  MatrixView<const float> decide() const noexcept { return decide_; }
  MatrixView<const float> judge() const noexcept { return judge_.empty() ? decide_ : judge_; }

 private:
  static bool judges(std::size_t token) noexcept {
    constexpr std::size_t kRun = 64, kEvery = 4;
    return token / kRun % kEvery == kEvery - 1;
  }
  static std::size_t count(std::size_t n_tokens) noexcept {
    std::size_t n = 0;
    for (std::size_t t = 0; t < n_tokens; ++t) n += judges(t);
    return n;
  }

  DenseMatrix<float> decide_, judge_;
};

// E[x x^T].
DenseMatrix<float> second_moment(MatrixView<const float> x, ThreadPool& pool) {
  DenseMatrix<float> h(x.cols, x.cols);
  add_gram<float>(pool, x, h.view());
  mirror_lower<float>(pool, h.view());
  return h;
}

// Sum over the tokens x of |(W - V) x|^2.
double loss(MatrixView<const float> w, Format format, const std::uint8_t* blocks,
            MatrixView<const float> x, const KernelTable& kernels, ThreadPool& pool) {
  DenseMatrix<float> error(w.rows, w.cols), output(x.rows, w.rows);
  for (std::size_t i = 0; i < w.rows; ++i) {
    float* const row = error.row(i);
    kernels.decode[index_of(format)](blocks + i * row_bytes(format, w.cols), w.cols, row);
    for (std::size_t j = 0; j < w.cols; ++j) row[j] = w.row(i)[j] - row[j];
  }
  multiply_nt<float>(pool, x, error, output);
  double sum = 0.0;
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t i = 0; i < w.rows; ++i) {
      sum += static_cast<double>(output.row(t)[i]) * static_cast<double>(output.row(t)[i]);
    }
  }
  return sum;
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
  if (weight.layer < 0) {
    if (weight.role == TensorRole::kOutput)
      head_.insert(head_.end(), x.data, x.data + x.rows * x.cols);
    return;
  }
  round_head();
  measure(weight, x);
}

// Its input comes in parts, all of them before that of any layer.
void GainObserver::round_head() {
  const TensorId head{TensorRole::kOutput, -1};
  const TensorInfo* tensor = head_.empty() ? nullptr : source_.find(tensor_name(head));
  if (tensor != nullptr)
    measure(head, {head_.data(), head_.size() / tensor->cols(), tensor->cols()});
  head_.clear();
}

void GainObserver::measure(TensorId weight, MatrixView<const float> x) {
  const TensorInfo* tensor = source_.find(tensor_name(weight));
  if (tensor == nullptr || x.cols % 32 != 0) return;
  gains_[tensor->name] = round_rows(*tensor, x);
}

RoundingGains GainObserver::round_rows(const TensorInfo& tensor, MatrixView<const float> x) {
  RoundingGains gains;
  gains.fill(1.0);
  const SplitTokens tokens(x);
  DenseMatrix<float> moment = second_moment(tokens.decide(), pool_);
  const std::vector<float> importance = importance_of(moment);
  const CalibrationSettings& settings = options_.settings;
  const DenseMatrix<float> h = conditioned(std::move(moment), settings.damping, settings.shrinkage);
  const RoundingFactor factor(pool_, h);
  const std::size_t n_rows = options_.n_rows == 0 ? tensor.rows() : options_.n_rows;
  const DenseMatrix<float> rows = spread_rows(source_, tensor, n_rows, kernels_);
  const RoundingOptions rounding{.sweeps = settings.sweeps, .reach = {}, .compare_every = 0};
  for (const Format format : options_.formats) {
    const bool fits = x.cols % format_info(format).block_elems == 0;
    if (!fits || !can_round_calibrated(format)) continue;
    std::vector<std::uint8_t> plain(rows.rows() * row_bytes(format, x.cols)), blocks(plain);
    encode_plainly(kernels_, pool_, rows, format, importance, tensor.name, plain.data());
    const RoundingErrors errors =
        round_calibrated(format, rows, h, factor, kernels_.tier, pool_, blocks.data(), rounding);
    if (errors.bad_row) continue;
    const double before = loss(rows, format, plain.data(), tokens.judge(), kernels_, pool_);
    const double after = loss(rows, format, blocks.data(), tokens.judge(), kernels_, pool_);
    if (before > 0.0) gains[index_of(format)] = std::min(1.0, after / before);
  }
  return gains;
}

}  // namespace lathe
