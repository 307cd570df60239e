#include "quant/heal/unit_pool.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "quant/heal/elimination.h"
#include "quant/heal/least_squares.h"
#include "runtime/algebra/cholesky.h"
#include "runtime/algebra/products.h"

namespace lathe {
namespace {

// Rows of a matrix; the elements of a vector count as such.
std::size_t n_rows_of(const DenseMatrix<float>& values) {
  return values.rows() == 1 ? values.cols() : values.rows();
}
std::size_t row_width(const DenseMatrix<float>& values) {
  return values.rows() == 1 ? 1 : values.cols();
}

// All candidates' features side by side, and what they should add.
class PoolSums {
 public:
  PoolSums(ThreadPool& pool, const std::vector<PoolCandidate>& candidates, const OutputTask& task)
      : pool_(pool),
        candidates_(candidates),
        task_(task),
        width_(candidates.front().features->n_embd()),
        features_(CalibrationRows::kTile, width_ * candidates.size()),
        wanted_(CalibrationRows::kTile, task.target.n_embd()),
        sums_(task.target.n_embd(), width_ * candidates.size()) {}

  FitSums& run() {
    task_.rows.for_tiles(RowPart::kFitted, [&](std::size_t first, std::size_t n) {
      for (std::size_t i = 0; i < candidates_.size(); ++i) fill_features(i, first, n);
      fill_wanted(first, n);
      sums_.add(pool_, wanted_.view().slice(0, n), features_.view().slice(0, n));
    });
    sums_.finish(pool_);
    return sums_;
  }

 private:
  // With a norm behind, as it was scaled in its own layer.
  void fill_features(std::size_t i, std::size_t first, std::size_t n) {
    const PoolCandidate& from = candidates_[i];
    const MatrixView<const float> f = from.features->rows(first, n);
    const MatrixView<float> to = features_.view().slice(0, n).columns(i * width_, width_);
    if (task_.norm) {
      multiply_nt<float>(pool_, f, from.output.matrix.cview(), wanted_.view().slice(0, n));
    }
    for (std::size_t r = 0; r < n; ++r) {
      const float scale = task_.norm ? scale_of(wanted_.row(r)) : 1.0f;
      for (std::size_t c = 0; c < width_; ++c) to.row(r)[c] = scale * f.row(r)[c];
    }
  }

  float scale_of(const float* y) const noexcept {
    double sum = 0.0;
    for (std::size_t c = 0; c < wanted_.cols(); ++c) sum += static_cast<double>(y[c]) * y[c];
    const double mean = sum / static_cast<double>(wanted_.cols());
    return static_cast<float>(1.0 / std::sqrt(mean + task_.norm_epsilon));
  }

  void fill_wanted(std::size_t first, std::size_t n) noexcept {
    for (std::size_t r = 0; r < n; ++r) {
      const float* const x = task_.before.rows(first + r, 1).data;
      const float* const target = task_.target.rows(first + r, 1).data;
      for (std::size_t c = 0; c < wanted_.cols(); ++c) wanted_.row(r)[c] = target[c] - x[c];
      if (task_.norm) continue;
      for (std::size_t c = 0; c < task_.bias.size(); ++c) wanted_.row(r)[c] -= task_.bias[c];
    }
  }

  ThreadPool& pool_;
  const std::vector<PoolCandidate>& candidates_;
  const OutputTask& task_;
  const std::size_t width_;  // features of one candidate
  DenseMatrix<float> features_, wanted_;
  FitSums sums_;
};

DenseMatrix<double> inverse_of(ThreadPool& pool, const FitSums& sums, double ridge) {
  const DenseMatrix<double> factor = ridge_factor(pool, sums.gram(), ridge);
  DenseMatrix<double> inverse(factor.rows(), factor.rows());
  for (std::size_t i = 0; i < inverse.rows(); ++i) inverse.row(i)[i] = 1.0;
  solve_cholesky(pool, factor.cview(), inverse.view());
  return inverse;
}

DenseMatrix<double> weights_of(ThreadPool& pool, const FitSums& sums,
                               const DenseMatrix<double>& inverse) {
  DenseMatrix<double> cross(sums.cross().rows, sums.cross().cols);
  for (std::size_t r = 0; r < cross.rows(); ++r) {
    std::copy_n(sums.cross().row(r), cross.cols(), cross.row(r));
  }
  DenseMatrix<double> out(cross.rows(), cross.cols());
  multiply(pool, cross.cview(), inverse.cview(), out.view());
  return out;
}

// Tensor number `t` of the candidates, made of the rows of the units that were kept (counted
// through all candidates).
TensorValues pooled_tensor(const StageRoles& roles, const std::vector<PoolCandidate>& candidates,
                           std::size_t t, const std::vector<std::size_t>& kept) {
  const TensorValues& like = candidates.front().inputs[t];
  const std::size_t width = row_width(like.values);
  TensorValues out{like.id, DenseMatrix<float>(like.values.rows(), like.values.cols())};
  float* to = out.values.data();
  for (const UnitSpan& span : roles.spans(like.id.role, n_rows_of(like.values))) {
    for (const std::size_t unit : kept) {
      const DenseMatrix<float>& from = candidates[unit / roles.n_units].inputs[t].values;
      const std::size_t row = span.first + unit % roles.n_units * span.per_unit;
      to = std::copy_n(from.data() + row * width, span.per_unit * width, to);
    }
  }
  return out;
}

// Columns of the kept units; before the gain.
OutputWeights start_of(const DenseMatrix<double>& weights, const std::vector<std::size_t>& kept,
                       std::size_t group, const std::vector<float>& gain) {
  OutputWeights out{DenseMatrix<float>(weights.rows(), kept.size() * group), gain};
  for (std::size_t r = 0; r < weights.rows(); ++r) {
    const double by = gain.empty() || gain[r] == 0.0f ? 1.0 : 1.0 / gain[r];
    float* to = out.matrix.row(r);
    for (const std::size_t unit : kept) {
      for (std::size_t c = 0; c < group; ++c) {
        *to++ = static_cast<float>(by * weights.row(r)[unit * group + c]);
      }
    }
  }
  return out;
}

}  // namespace

bool can_pool(const StageRoles& roles, const std::vector<TensorValues>& inputs) {
  return std::none_of(inputs.begin(), inputs.end(), [&](const TensorValues& t) {
    return roles.spans(t.id.role, n_rows_of(t.values)).empty();
  });
}

PooledUnits pool_units(ThreadPool& pool, const StageRoles& roles,
                       const std::vector<PoolCandidate>& candidates, const OutputTask& task,
                       const std::vector<float>& gain, double ridge) {
  PoolSums gathering(pool, candidates, task);
  const FitSums& sums = gathering.run();
  DenseMatrix<double> inverse = inverse_of(pool, sums, ridge);
  DenseMatrix<double> weights = weights_of(pool, sums, inverse);
  const std::size_t group = candidates.front().features->n_embd() / roles.n_units;
  const std::vector<std::size_t> kept =
      eliminate_groups(pool, weights.view(), inverse.view(), group, roles.n_units);
  PooledUnits out;
  for (std::size_t t = 0; t < candidates.front().inputs.size(); ++t) {
    out.inputs.push_back(pooled_tensor(roles, candidates, t, kept));
  }
  out.start = start_of(weights, kept, group, gain);
  out.by_layer.resize(candidates.size());
  for (const std::size_t unit : kept) ++out.by_layer[unit / roles.n_units];
  return out;
}

}  // namespace lathe
