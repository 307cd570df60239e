#include "quant/calibrate/input_moments.h"

#include <cmath>
#include <utility>

#include "runtime/algebra/products.h"

namespace lathe {
namespace {

// Rows of matrices of one shape, element by element, by all threads.
template <class Each>
void for_rows(ThreadPool& pool, std::size_t n, Each each) noexcept {
  pool.for_ranges(n, 1, [&](std::size_t begin, std::size_t end) noexcept {
    for (std::size_t i = begin; i < end; ++i) each(i);
  });
}

void scale_rows(ThreadPool& pool, MatrixView<const float> from, float by,
                MatrixView<float> to) noexcept {
  for_rows(pool, from.rows, [&](std::size_t i) noexcept {
    for (std::size_t j = 0; j < from.cols; ++j) to.row(i)[j] = by * from.row(i)[j];
  });
}

float root_mean_square(const float* x, std::size_t n) noexcept {
  double sum = 0.0;
  for (std::size_t j = 0; j < n; ++j) sum += static_cast<double>(x[j]) * x[j];
  return static_cast<float>(std::sqrt(sum / static_cast<double>(n)));
}

}  // namespace

MomentSums::MomentSums(ThreadPool& pool, const CalibrationSet& set, const Group& group,
                       const TeacherInput& teacher, std::size_t max_rows)
    : pool_(pool), group_(group), teacher_(teacher), counter_(set) {
  const std::size_t n = teacher.input.n_embd();
  decide_ = zeros();
  judge_ = zeros();
  scaled_ = DenseMatrix<float>(max_rows, n);
  other_ = DenseMatrix<float>(max_rows, n);
  if (!direct()) return;
  delta_ = DenseMatrix<float>(max_rows, group.matrix.rows);
  stream_ = DenseMatrix<float>(max_rows, group.matrix.rows);
  if (group.post_gain != nullptr) output_ = DenseMatrix<float>(max_rows, group.matrix.rows);
}

InputMoments MomentSums::zeros() const {
  const std::size_t n = teacher_.input.n_embd();
  return {DenseMatrix<float>(n, n), DenseMatrix<float>(direct() ? group_.matrix.rows : n, n),
          !direct()};
}

void MomentSums::on_layer_input(int, MatrixView<const float> hidden) noexcept {
  in_layer_ = true;
  at_ = counter_.take(hidden.rows);
  if (direct() && !group_.middle) keep_stream(hidden);
}

void MomentSums::on_layer_middle(int, MatrixView<const float> hidden) noexcept {
  if (direct() && group_.middle) keep_stream(hidden);
}

void MomentSums::keep_stream(MatrixView<const float> hidden) noexcept {
  scale_rows(pool_, hidden, 1.0f, stream_.view().slice(0, hidden.rows));
}

void MomentSums::on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept {
  if (weight.role != group_.role || weight.layer != group_.layer) return;
  add(input, in_layer_ ? at_ : counter_.take(input.rows));
}

void MomentSums::add(MatrixView<const float> input, std::size_t at) noexcept {
  const CalibrationText& text = counter_.text();
  InputMoments& sums = text.held_out ? judge_ : decide_;
  const auto root = static_cast<float>(std::sqrt(text.weight));
  const MatrixView<float> scaled = scaled_.view().slice(0, input.rows);
  scale_rows(pool_, input, root, scaled);
  sums.weight += text.weight * static_cast<double>(input.rows);
  add_gram<float>(pool_, scaled, sums.h);
  const MatrixView<const float> teacher = teacher_.input.rows(at, input.rows);
  if (direct()) return add_direct(input, teacher, at, root, sums);
  const MatrixView<float> other = other_.view().slice(0, input.rows);
  for_rows(pool_, input.rows, [&](std::size_t i) noexcept {
    for (std::size_t j = 0; j < input.cols; ++j) {
      other.row(i)[j] = root * (teacher.row(i)[j] - input.row(i)[j]);
    }
  });
  multiply_tn<float>(pool_, other, scaled, sums.cross, Into::kAdded);
}

void MomentSums::add_direct(MatrixView<const float> input, MatrixView<const float> teacher,
                            std::size_t at, float root, InputMoments& sums) noexcept {
  const std::size_t n = input.rows;
  const MatrixView<float> difference = other_.view().slice(0, n), delta = delta_.view().slice(0, n);
  for_rows(pool_, n, [&](std::size_t i) noexcept {
    for (std::size_t j = 0; j < input.cols; ++j) {
      difference.row(i)[j] = teacher.row(i)[j] - input.row(i)[j];
    }
  });
  multiply_nt<float>(pool_, difference, group_.matrix, delta);
  if (group_.post_gain != nullptr) {
    multiply_nt<float>(pool_, teacher, group_.matrix, output_.view().slice(0, n));
  }
  add_stream_difference(delta, at);
  scale_rows(pool_, delta, root, delta);
  multiply_tn<float>(pool_, delta, scaled_.view().slice(0, n), sums.cross, Into::kAdded);
}

// A norm behind the product turns y to gain * y / rms(y): its difference is brought in front of it.
void MomentSums::add_stream_difference(MatrixView<float> delta, std::size_t at) noexcept {
  constexpr float kLeastGain = 1e-4f;  // what a channel hardly adds cannot correct
  const MatrixView<const float> stream = teacher_.stream->rows(at, delta.rows);
  for_rows(pool_, delta.rows, [&](std::size_t i) noexcept {
    float* const to = delta.row(i);
    const float *const is = stream_.row(i), *const should = stream.row(i);
    if (group_.post_gain == nullptr) {
      for (std::size_t j = 0; j < delta.cols; ++j) to[j] += should[j] - is[j];
      return;
    }
    const float rms = root_mean_square(output_.row(i), delta.cols);
    for (std::size_t j = 0; j < delta.cols; ++j) {
      const float gain = group_.post_gain[j];
      if (std::fabs(gain) > kLeastGain) to[j] += (should[j] - is[j]) * rms / gain;
    }
  });
}

InputMoments MomentSums::finished(InputMoments& sums) {
  InputMoments out = std::move(sums);
  const float scale = out.weight > 0.0 ? static_cast<float>(1.0 / out.weight) : 0.0f;
  mirror_lower<float>(pool_, out.h);
  scale_rows(pool_, out.h.view(), scale, out.h);
  scale_rows(pool_, out.cross.view(), scale, out.cross);
  return out;
}

}  // namespace lathe
