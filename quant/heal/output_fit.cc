#include "quant/heal/output_fit.h"

#include <algorithm>
#include <cmath>

#include "quant/heal/least_squares.h"
#include "runtime/algebra/products.h"

namespace lathe {
namespace {

// A gain this far below the others is no gain: nothing is divided by it.
constexpr float kLeastGain = 1e-4f;

float mean_gain(const std::vector<float>& gain) {
  double sum = 0.0;
  for (const float g : gain) sum += std::abs(g);
  return static_cast<float>(sum / static_cast<double>(std::max<std::size_t>(1, gain.size())));
}

// Rows of a store as a tile that can be changed.
void copy_rows(const HiddenStore& store, std::size_t first, std::size_t n, MatrixView<float> to) {
  for (std::size_t r = 0; r < n; ++r) {
    std::copy_n(store.rows(first + r, 1).data, store.n_embd(), to.row(r));
  }
}

// Buffers for a tile of rows.
class Tiles {
 public:
  Tiles(ThreadPool& pool, const OutputTask& task)
      : pool_(pool),
        task_(task),
        f_(CalibrationRows::kTile, task.features.n_embd()),
        y_(CalibrationRows::kTile, task.target.n_embd()),
        added_(CalibrationRows::kTile, task.target.n_embd()),
        scales_(CalibrationRows::kTile) {}

  MatrixView<const float> features(std::size_t first, std::size_t n) const noexcept {
    return task_.features.rows(first, n);
  }

  // target - x
  MatrixView<float> wanted(std::size_t first, std::size_t n) noexcept {
    const MatrixView<float> y = y_.view().slice(0, n);
    for (std::size_t r = 0; r < n; ++r) {
      const float* const x = task_.before.rows(first + r, 1).data;
      const float* const target = task_.target.rows(first + r, 1).data;
      for (std::size_t c = 0; c < y.cols; ++c) y.row(r)[c] = target[c] - x[c];
    }
    return y;
  }

  // W f + bias; with a norm behind, divided by its rms, before the gain. scales()[r]: 1 / rms.
  MatrixView<float> products(std::size_t first, std::size_t n, MatrixView<const float> w) noexcept {
    const MatrixView<float> out = added_.view().slice(0, n);
    multiply_nt(pool_, features(first, n), w, out);
    for (std::size_t r = 0; r < n; ++r) finish_row(out.row(r), r);
    return out;
  }
  const std::vector<float>& scales() const noexcept { return scales_; }

  MatrixView<float> scaled_features(std::size_t first, std::size_t n) noexcept {
    const MatrixView<float> f = f_.view().slice(0, n);
    copy_rows(task_.features, first, n, f);
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c < f.cols; ++c) f.row(r)[c] *= scales_[r];
    }
    return f;
  }

 private:
  void finish_row(float* y, std::size_t r) noexcept {
    const std::size_t n = added_.cols();
    for (std::size_t c = 0; c < task_.bias.size(); ++c) y[c] += task_.bias[c];
    scales_[r] = 1.0f;
    if (!task_.norm) return;
    double sum = 0.0;
    for (std::size_t c = 0; c < n; ++c) sum += static_cast<double>(y[c]) * y[c];
    scales_[r] =
        static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(n) + task_.norm_epsilon));
    for (std::size_t c = 0; c < n; ++c) y[c] *= scales_[r];
  }

  ThreadPool& pool_;
  const OutputTask& task_;
  DenseMatrix<float> f_, y_, added_;
  std::vector<float> scales_;
};

// y becomes what the product has to be: without the bias, before the gain.
void before_gain(const OutputTask& task, const std::vector<float>& gain,
                 const std::vector<float>& scales, MatrixView<float> y) {
  const float least = kLeastGain * mean_gain(gain);
  for (std::size_t r = 0; r < y.rows; ++r) {
    for (std::size_t c = 0; c < gain.size(); ++c) {
      y.row(r)[c] = std::abs(gain[c]) > least ? y.row(r)[c] / gain[c] : 0.0f;
    }
    for (std::size_t c = 0; c < task.bias.size(); ++c) y.row(r)[c] -= scales[r] * task.bias[c];
  }
}

DenseMatrix<float> fit_matrix(ThreadPool& pool, const OutputTask& task, Tiles& tiles,
                              const OutputWeights& start, double ridge) {
  FitSums sums(task.target.n_embd(), task.features.n_embd());
  task.rows.for_tiles(RowPart::kFitted, [&](std::size_t first, std::size_t n) {
    if (task.norm) tiles.products(first, n, start.matrix.cview());
    const MatrixView<float> y = tiles.wanted(first, n);
    if (!task.norm) {
      before_gain(task, {}, std::vector<float>(n, 1.0f), y);
      sums.add(pool, y, tiles.features(first, n));
    } else {
      before_gain(task, start.gain, tiles.scales(), y);
      sums.add(pool, y, tiles.scaled_features(first, n));
    }
  });
  sums.finish(pool);
  DenseMatrix<float> fitted = fitted_weights(pool, sums, start.matrix.cview(), ridge);
  const float least = kLeastGain * mean_gain(start.gain);
  for (std::size_t c = 0; c < start.gain.size(); ++c) {
    if (std::abs(start.gain[c]) > least) continue;
    std::copy_n(start.matrix.row(c), fitted.cols(), fitted.row(c));
  }
  return fitted;
}

// g_c = sum y_c u_c / sum u_c^2, u: the normed product.
void fit_gain(const OutputTask& task, Tiles& tiles, OutputWeights& weights) {
  std::vector<double> yu(weights.gain.size()), uu(weights.gain.size());
  task.rows.for_tiles(RowPart::kFitted, [&](std::size_t first, std::size_t n) {
    const MatrixView<float> u = tiles.products(first, n, weights.matrix.cview());
    const MatrixView<float> y = tiles.wanted(first, n);
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c < yu.size(); ++c) {
        yu[c] += static_cast<double>(y.row(r)[c]) * u.row(r)[c];
        uu[c] += static_cast<double>(u.row(r)[c]) * u.row(r)[c];
      }
    }
  });
  for (std::size_t c = 0; c < yu.size(); ++c) {
    if (uu[c] > 0.0) weights.gain[c] = static_cast<float>(yu[c] / uu[c]);
  }
}

}  // namespace

double OutputError::relative() const noexcept {
  return wanted > 0.0 ? std::sqrt(squared / wanted) : 0.0;
}

OutputError output_error(ThreadPool& pool, const OutputTask& task, const OutputWeights& weights,
                         RowPart part) {
  Tiles tiles(pool, task);
  OutputError error;
  task.rows.for_tiles(part, [&](std::size_t first, std::size_t n) {
    const MatrixView<float> added = tiles.products(first, n, weights.matrix.cview());
    const MatrixView<float> wanted = tiles.wanted(first, n);
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c < wanted.cols; ++c) {
        const double gain = task.norm ? weights.gain[c] : 1.0f;
        const double y = wanted.row(r)[c], e = y - gain * added.row(r)[c];
        error.squared += e * e;
        error.wanted += y * y;
      }
    }
  });
  return error;
}

OutputWeights fit_output(ThreadPool& pool, const OutputTask& task, const OutputWeights& start,
                         double ridge, int n_norm_steps) {
  Tiles tiles(pool, task);
  OutputWeights fit{fit_matrix(pool, task, tiles, start, ridge), start.gain};
  if (!task.norm) return fit;
  for (int i = 1; i < n_norm_steps; ++i) fit.matrix = fit_matrix(pool, task, tiles, fit, ridge);
  fit_gain(task, tiles, fit);
  return fit;
}

}  // namespace lathe
