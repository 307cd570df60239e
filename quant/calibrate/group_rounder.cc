#include "quant/calibrate/group_rounder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "quant/calibrate/conditioned.h"
#include "quant/calibrate/plain_encoding.h"
#include "quant/codecs/codec.h"
#include "runtime/algebra/cholesky.h"
#include "runtime/algebra/products.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kJudgedRows = 256;  // of a matrix, for the verdict of held-out tokens

// Rows of a matrix, evenly spaced.
std::vector<std::size_t> judged_rows(std::size_t n_rows) {
  const std::size_t n = std::min(n_rows, kJudgedRows);
  std::vector<std::size_t> rows;
  for (std::size_t k = 0; k < n; ++k) rows.push_back(k * n_rows / n);
  return rows;
}

double dot(MatrixView<const float> a, MatrixView<const float> b) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t j = 0; j < a.cols; ++j) {
      sum += static_cast<double>(a.row(i)[j]) * static_cast<double>(b.row(i)[j]);
    }
  }
  return sum;
}

}  // namespace

GroupRounder::GroupRounder(const KernelTable& kernels, ThreadPool& pool, InputMoments decided,
                           InputMoments held_out, const CalibrationSettings& settings)
    : kernels_(kernels),
      pool_(pool),
      settings_(settings),
      decided_(std::move(decided)),
      held_out_(std::move(held_out)) {
  if (!std::isfinite(mean_diagonal(decided_.h))) {
    throw failed("the input of a product holds values that are not finite");
  }
  prepare_target();
  prepare_rounding();
}

GroupRounder::~GroupRounder() = default;

void GroupRounder::prepare_target() {
  if (settings_.correction == 0.0f) return;
  lower_ = conditioned(decided_.h, settings_.damping, 0.0f);
  if (!factor_cholesky<float>(pool_, lower_)) {
    throw failed("the second moment of an input is not positive definite");
  }
}

void GroupRounder::prepare_rounding() {
  metric_ = conditioned(decided_.h, settings_.damping, settings_.shrinkage);
  std::vector<float> diagonal(metric_.rows());
  for (std::size_t j = 0; j < diagonal.size(); ++j) diagonal[j] = decided_.h.row(j)[j];
  importance_.resize(diagonal.size());
  if (!prepare_importance(diagonal.data(), diagonal.size(), importance_.data())) {
    importance_.clear();
  }
}

const RoundingFactor& GroupRounder::factor() {
  if (!factor_) factor_.emplace(pool_, metric_);
  return *factor_;
}

// W* = W + a D (H + damping)^-1
DenseMatrix<float> GroupRounder::corrected(MatrixView<const float> w) const {
  DenseMatrix<float> out = DenseMatrix<float>::copy_of(w);
  if (settings_.correction == 0.0f) return out;
  DenseMatrix<float> d = decided_.shared ? DenseMatrix<float>(w.rows, w.cols)
                                         : DenseMatrix<float>::copy_of(decided_.cross.view());
  if (decided_.shared) multiply<float>(pool_, w, decided_.cross, d);
  solve_cholesky<float>(pool_, lower_, d);
  pool_.for_ranges(w.rows, 1, [&](std::size_t begin, std::size_t end) noexcept {
    for (std::size_t i = begin; i < end; ++i) {
      for (std::size_t j = 0; j < w.cols; ++j) {
        out.row(i)[j] += settings_.correction * d.row(i)[j];
      }
    }
  });
  return out;
}

// E|a delta + (W - V) h'|^2 of some rows: tr(E H E^T) + 2 a <E, D> + a^2 E|delta|^2, E = W - V; of
// what the paths differ by, the share a is asked for.
double GroupRounder::held_out_loss(MatrixView<const float> w, Format format,
                                   const std::uint8_t* blocks) const {
  const std::vector<std::size_t> rows = judged_rows(w.rows);
  const std::size_t stride = row_bytes(format, w.cols);
  DenseMatrix<float> source(rows.size(), w.cols), error(rows.size(), w.cols);
  DenseMatrix<float> product(rows.size(), w.cols), cross(rows.size(), w.cols);
  double gap = 0.0;
  for (std::size_t k = 0; k < rows.size(); ++k) {
    std::copy_n(w.row(rows[k]), w.cols, source.row(k));
    kernels_.decode[index_of(format)](blocks + rows[k] * stride, w.cols, error.row(k));
    for (std::size_t j = 0; j < w.cols; ++j) error.row(k)[j] = source.row(k)[j] - error.row(k)[j];
    if (held_out_.shared) continue;
    std::copy_n(held_out_.cross.row(rows[k]), w.cols, cross.row(k));
    gap += held_out_.gap.row(0)[rows[k]];
  }
  if (held_out_.shared) {
    multiply<float>(pool_, source, held_out_.cross, cross);
    multiply<float>(pool_, source, held_out_.gap, product);
    gap = dot(source, product);
  }
  multiply<float>(pool_, error, held_out_.h, product);
  const double a = settings_.correction;
  return dot(error, product) + 2.0 * a * dot(error, cross) + a * a * gap;
}

RoundedMatrix GroupRounder::round(MatrixView<const float> w, Format format,
                                  const std::string& name) {
  RoundedMatrix out;
  const std::size_t n_bytes = w.rows * row_bytes(format, w.cols);
  AlignedBuffer plain(n_bytes);
  encode_plainly(kernels_, pool_, w, format, importance_.empty() ? nullptr : importance_.data(),
                 name, reinterpret_cast<std::uint8_t*>(plain.data()));
  out.has_rounding = can_round_calibrated(format);
  if (!out.has_rounding) {
    out.blocks = std::move(plain);
    return out;
  }
  out.blocks = AlignedBuffer(n_bytes);
  auto* const blocks = reinterpret_cast<std::uint8_t*>(out.blocks.data());
  const DenseMatrix<float> target = corrected(w);
  RoundingOptions options;
  options.sweeps = settings_.sweeps;
  const RoundingErrors errors =
      round_calibrated(format, target, metric_, factor(), kernels_.tier, pool_, blocks, options);
  if (errors.bad_row) {
    throw bad_input(name, fmt::format("row {}: a value is not finite or beyond what {} can hold",
                                      *errors.bad_row, format_name(format)));
  }
  const double energy = errors.energy > 0.0 ? errors.energy : 1.0;
  out.plain_error = std::sqrt(errors.nearest / energy);
  out.error = std::sqrt(errors.calibrated / energy);
  if (held_out_.weight == 0.0) return out;
  const double before =
      held_out_loss(w, format, reinterpret_cast<const std::uint8_t*>(plain.data()));
  const double after = held_out_loss(w, format, blocks);
  out.held_out_ratio = before > 0.0 ? std::sqrt(std::max(0.0, after) / before) : 1.0;
  out.fell_back = !(after < before);
  if (out.fell_back) out.blocks = std::move(plain);
  return out;
}

}  // namespace lathe
