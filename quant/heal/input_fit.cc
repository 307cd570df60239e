#include "quant/heal/input_fit.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "quant/heal/least_squares.h"
#include "runtime/algebra/products.h"

namespace lathe {
namespace {

DenseMatrix<float> identity(std::size_t n) {
  DenseMatrix<float> out(n, n);
  for (std::size_t i = 0; i < n; ++i) out.row(i)[i] = 1.0f;
  return out;
}

// 1 / rms of W s over tokens and rows.
float unit_scale(ThreadPool& pool, const DenseMatrix<float>& w, const FitSums& sums,
                 std::size_t n_tokens) {
  DenseMatrix<float> wa(w.rows(), w.cols());
  multiply(pool, w.cview(), sums.gram(), wa.view());
  double square = 0.0;
  for (std::size_t i = 0; i < w.rows() * w.cols(); ++i) {
    square += static_cast<double>(wa.data()[i]) * w.data()[i];
  }
  square /= static_cast<double>(n_tokens * w.rows());
  return square > 0.0 ? static_cast<float>(1.0 / std::sqrt(square)) : 1.0f;
}

void scale(DenseMatrix<float>& values, float by) {
  for (std::size_t i = 0; i < values.rows() * values.cols(); ++i) values.data()[i] *= by;
}

bool is_normed(const WeightSet& weights, TensorRole role, int layer) {
  return (role == TensorRole::kAttnQ && weights.get(TensorRole::kAttnQNorm, layer)) ||
         (role == TensorRole::kAttnK && weights.get(TensorRole::kAttnKNorm, layer));
}

}  // namespace

std::vector<TensorValues> fitted_inputs(ThreadPool& pool, const Student& student,
                                        const StageRoles& roles, int from, int to,
                                        const InputTask& task) {
  const std::size_t n = task.student.n_embd();
  FitSums sums(n, n);
  std::size_t n_tokens = 0;
  task.rows.for_tiles(RowPart::kFitted, [&](std::size_t first, std::size_t n_rows) {
    sums.add(pool, task.teacher.rows(first, n_rows), task.student.rows(first, n_rows));
    n_tokens += n_rows;
  });
  sums.finish(pool);
  const DenseMatrix<float> turn = fitted_weights(pool, sums, identity(n).cview(), task.ridge);
  std::vector<TensorValues> out;
  float last_scale = 1.0f;  // of the weight, for the bias that follows it
  for (const TensorId id : input_tensors(roles, student.model().weights(), to)) {
    DenseMatrix<float> values = student.original_values({id.role, from, id.part});
    const bool is_input =
        std::find(roles.inputs.begin(), roles.inputs.end(), id.role) != roles.inputs.end();
    if (is_input && id.part == TensorPart::kWeight) {
      DenseMatrix<float> turned(values.rows(), values.cols());
      multiply(pool, values.cview(), turn.cview(), turned.view());
      values = std::move(turned);
      last_scale = is_normed(student.model().weights(), id.role, to)
                       ? unit_scale(pool, values, sums, n_tokens)
                       : 1.0f;
      scale(values, last_scale);
    } else if (is_input) {
      scale(values, last_scale);
    }
    out.push_back({id, std::move(values)});
  }
  return out;
}

}  // namespace lathe
