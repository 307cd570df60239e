#include "quant/calibrate/group_rounder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "quant/calibrate/conditioned.h"
#include "quant/calibrate/plain_encoding.h"
#include "runtime/algebra/cholesky.h"
#include "runtime/algebra/products.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kChoosingRows = 64;  // of the first matrix, that choose settings
constexpr std::size_t kJudgedRows = 256;   // of a matrix, for the verdict of held-out tokens
constexpr std::size_t kComparedEvery = 8;  // of runs of rows, for the errors that are told

// At most so many rows of a matrix, evenly spaced.
std::vector<std::size_t> spread_rows(std::size_t n_rows, std::size_t most) {
  const std::size_t n = std::min(n_rows, most);
  std::vector<std::size_t> rows;
  for (std::size_t k = 0; k < n; ++k) rows.push_back(k * n_rows / n);
  return rows;
}

DenseMatrix<float> rows_of(MatrixView<const float> w, std::span<const std::size_t> rows) {
  DenseMatrix<float> out(rows.size(), w.cols);
  for (std::size_t k = 0; k < rows.size(); ++k) std::copy_n(w.row(rows[k]), w.cols, out.row(k));
  return out;
}

double sum_of_squares(MatrixView<const float> x) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t j = 0; j < x.cols; ++j) {
      sum += static_cast<double>(x.row(i)[j]) * static_cast<double>(x.row(i)[j]);
    }
  }
  return sum;
}

}  // namespace

GroupRounder::GroupRounder(const KernelTable& kernels, ThreadPool& pool, InputMoments decided,
                           HeldOutTokens held_out, const CalibrationSettings& settings)
    : kernels_(kernels),
      pool_(pool),
      settings_(settings),
      cross_(std::move(decided.cross)),
      shared_(decided.shared),
      held_out_(std::move(held_out)) {
  if (!std::isfinite(mean_diagonal(decided.h))) {
    throw failed("the input of a product holds values that are not finite");
  }
  prepare_target(decided.h);
  prepare_rounding(std::move(decided.h));
}

GroupRounder::~GroupRounder() = default;

void GroupRounder::prepare_target(MatrixView<const float> h) {
  if (settings_.correction == 0.0f) return;
  lower_ = conditioned(DenseMatrix<float>::copy_of(h), settings_.damping, 0.0f);
  if (!factor_cholesky<float>(pool_, lower_)) {
    throw failed("the second moment of an input is not positive definite");
  }
}

void GroupRounder::prepare_rounding(DenseMatrix<float> h) {
  importance_ = importance_of(h);
  metric_.h = conditioned(std::move(h), settings_.damping, settings_.shrinkage);
}

const RoundingFactor& GroupRounder::factor() {
  if (!metric_.factor) metric_.factor.emplace(pool_, metric_.h);
  return *metric_.factor;
}

// D (H + damping)^-1: what corrects all, of which the target gets a share. What only this matrix
// needs is given back.
DenseMatrix<float> GroupRounder::correction_of(MatrixView<const float> w) {
  if (settings_.correction == 0.0f) return {w.rows, w.cols};
  DenseMatrix<float> d = shared_ ? DenseMatrix<float>(w.rows, w.cols) : std::move(cross_);
  if (shared_) multiply<float>(pool_, w, cross_, d);
  solve_cholesky<float>(pool_, lower_, d);
  if (!shared_) lower_ = {};
  return d;
}

// W* = W + a D (H + damping)^-1, in the place of that.
void GroupRounder::put_target(MatrixView<const float> w, MatrixView<float> step) const noexcept {
  pool_.for_ranges(w.rows, 1, [&](std::size_t begin, std::size_t end) noexcept {
    for (std::size_t i = begin; i < end; ++i) {
      for (std::size_t j = 0; j < w.cols; ++j) {
        step.row(i)[j] = w.row(i)[j] + settings_.correction * step.row(i)[j];
      }
    }
  });
}

// For all matrices of the input, by some rows of the first.
void GroupRounder::choose(MatrixView<const float> w, MatrixView<const float> step, Format format) {
  chosen_ = true;
  const bool any = settings_.choose_shrinkage || settings_.choose_correction;
  if (!any || held_out_.input.empty()) return;
  const std::vector<std::size_t> rows = spread_rows(w.rows, kChoosingRows);
  const DenseMatrix<float> weights = rows_of(w, rows), steps = rows_of(step, rows);
  const DenseMatrix<float> asked = asked_for(w, rows, 1.0f);
  std::vector<std::size_t> all(rows.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const auto loss = [&](const std::uint8_t* blocks) {
    return held_out_loss(weights, format, blocks, all, asked);
  };
  settings_ = chosen_settings({weights, steps, loss}, format, settings_, kernels_, pool_, metric_);
}

// [n_tokens, rows] a delta of held-out tokens: of what the paths differ by, the share that is to be
// corrected.
DenseMatrix<float> GroupRounder::asked_for(MatrixView<const float> w,
                                           std::span<const std::size_t> rows,
                                           float correction) const {
  const std::size_t n_tokens = held_out_.delta.rows();
  DenseMatrix<float> asked(n_tokens, rows.size());
  if (shared_) {
    DenseMatrix<float> source(rows.size(), w.cols);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      for (std::size_t j = 0; j < w.cols; ++j) {
        source.row(k)[j] = correction * w.row(rows[k])[j];
      }
    }
    multiply_nt<float>(pool_, held_out_.delta, source, asked);
    return asked;
  }
  for (std::size_t t = 0; t < n_tokens; ++t) {
    for (std::size_t k = 0; k < rows.size(); ++k) {
      asked.row(t)[k] = correction * held_out_.delta.row(t)[rows[k]];
    }
  }
  return asked;
}

// The sum over held-out tokens of |a delta + (W - V) h'|^2 in these rows.
double GroupRounder::held_out_loss(MatrixView<const float> w, Format format,
                                   const std::uint8_t* blocks, std::span<const std::size_t> rows,
                                   MatrixView<const float> asked) const {
  const std::size_t stride = row_bytes(format, w.cols);
  DenseMatrix<float> error(rows.size(), w.cols);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    kernels_.decode[index_of(format)](blocks + rows[k] * stride, w.cols, error.row(k));
    for (std::size_t j = 0; j < w.cols; ++j) error.row(k)[j] = w.row(rows[k])[j] - error.row(k)[j];
  }
  const DenseMatrix<float> missed = DenseMatrix<float>::copy_of(asked);
  multiply_nt<float>(pool_, held_out_.input, error, missed, Into::kAdded);
  return sum_of_squares(missed);
}

RoundedMatrix GroupRounder::round(MatrixView<const float> w, Format format,
                                  const std::string& name) {
  RoundedMatrix out;
  const std::size_t n_bytes = w.rows * row_bytes(format, w.cols);
  AlignedBuffer plain(n_bytes);
  encode_plainly(kernels_, pool_, w, format, importance_, name,
                 reinterpret_cast<std::uint8_t*>(plain.data()));
  out.has_rounding = can_round_calibrated(format);
  if (!out.has_rounding) {
    out.blocks = std::move(plain);
    return out;
  }
  out.blocks = AlignedBuffer(n_bytes);
  auto* const blocks = reinterpret_cast<std::uint8_t*>(out.blocks.data());
  DenseMatrix<float> target = correction_of(w);
  if (!chosen_) choose(w, target, format);
  put_target(w, target);
  RoundingOptions options;
  options.sweeps = settings_.sweeps;
  options.compare_every = kComparedEvery;
  const RoundingErrors errors =
      round_calibrated(format, target, metric_.h, factor(), kernels_.tier, pool_, blocks, options);
  if (errors.bad_row) {
    throw bad_input(name, fmt::format("row {}: a value is not finite or beyond what {} can hold",
                                      *errors.bad_row, format_name(format)));
  }
  const double energy = errors.energy > 0.0 ? errors.energy : 1.0;
  out.plain_error = std::sqrt(errors.nearest / energy);
  out.error = std::sqrt(errors.calibrated / energy);
  if (held_out_.input.empty()) return out;
  const std::vector<std::size_t> rows = spread_rows(w.rows, kJudgedRows);
  const DenseMatrix<float> asked = asked_for(w, rows, settings_.correction);
  const double before =
      held_out_loss(w, format, reinterpret_cast<const std::uint8_t*>(plain.data()), rows, asked);
  const double after = held_out_loss(w, format, blocks, rows, asked);
  out.held_out_ratio = before > 0.0 ? std::sqrt(std::max(0.0, after) / before) : 1.0;
  out.fell_back = !(after < before);
  if (out.fell_back) out.blocks = std::move(plain);
  return out;
}

}  // namespace lathe
