#include "quant/calibrate/input_moments.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/algebra/products.h"

namespace lathe {
namespace {

constexpr float kLeastSize = 1e-6f;  // of a token's output

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
    : pool_(pool),
      group_(group),
      teacher_(teacher),
      set_(set),
      counter_(set.run_texts()),
      rms_(max_rows),
      scale_(max_rows) {
  const std::size_t n = teacher.input.n_embd();
  decide_ = zeros();
  judge_ = zeros();
  judge_.gap = direct() ? DenseMatrix<float>(1, group.matrix.rows) : DenseMatrix<float>(n, n);
  scaled_ = DenseMatrix<float>(max_rows, n);
  other_ = DenseMatrix<float>(max_rows, n);
  output_ = DenseMatrix<float>(max_rows, group.matrix.rows);
  if (!direct()) return;
  delta_ = DenseMatrix<float>(max_rows, group.matrix.rows);
  stream_ = DenseMatrix<float>(max_rows, group.matrix.rows);
}

InputMoments MomentSums::zeros() const {
  const std::size_t n = teacher_.input.n_embd();
  InputMoments sums;
  sums.h = DenseMatrix<float>(n, n);
  sums.cross = DenseMatrix<float>(direct() ? group_.matrix.rows : n, n);
  sums.shared = !direct();
  return sums;
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

// Sizes and weights of the batch's tokens.
void MomentSums::weigh(MatrixView<const float> teacher) noexcept {
  const auto root = static_cast<float>(std::sqrt(text().weight));
  MatrixView<const float> sized = teacher;
  if (group_.weight == TokenWeight::kByOutput) {
    const MatrixView<float> output = output_.view().slice(0, teacher.rows);
    multiply_nt<float>(pool_, teacher, group_.matrix, output);
    sized = output;
  }
  for_rows(pool_, teacher.rows, [&](std::size_t i) noexcept {
    const bool even = group_.weight == TokenWeight::kEven;
    rms_[i] = even ? 1.0f : std::max(kLeastSize, root_mean_square(sized.row(i), sized.cols));
    scale_[i] = root / rms_[i];
  });
}

void MomentSums::scale(MatrixView<const float> from, MatrixView<float> to) noexcept {
  for_rows(pool_, from.rows, [&](std::size_t i) noexcept {
    for (std::size_t j = 0; j < from.cols; ++j) to.row(i)[j] = scale_[i] * from.row(i)[j];
  });
}

void MomentSums::add(MatrixView<const float> input, std::size_t at) noexcept {
  InputMoments& sums = text().held_out ? judge_ : decide_;
  const MatrixView<const float> teacher = teacher_.input.rows(at, input.rows);
  weigh(teacher);
  for (std::size_t i = 0; i < input.rows; ++i) {
    sums.weight += static_cast<double>(scale_[i]) * scale_[i];
  }
  const MatrixView<float> scaled = scaled_.view().slice(0, input.rows);
  scale(input, scaled);
  add_gram<float>(pool_, scaled, sums.h);
  if (direct()) {
    add_direct(input, teacher, at, sums);
  } else {
    add_shared(input, teacher, sums);
  }
}

void MomentSums::add_shared(MatrixView<const float> input, MatrixView<const float> teacher,
                            InputMoments& sums) noexcept {
  const MatrixView<float> other = other_.view().slice(0, input.rows);
  for_rows(pool_, input.rows, [&](std::size_t i) noexcept {
    for (std::size_t j = 0; j < input.cols; ++j) {
      other.row(i)[j] = scale_[i] * (teacher.row(i)[j] - input.row(i)[j]);
    }
  });
  multiply_tn<float>(pool_, other, scaled_.view().slice(0, input.rows), sums.cross, Into::kAdded);
  if (!sums.gap.empty()) add_gram<float>(pool_, other, sums.gap);
}

void MomentSums::add_direct(MatrixView<const float> input, MatrixView<const float> teacher,
                            std::size_t at, InputMoments& sums) noexcept {
  const std::size_t n = input.rows;
  const MatrixView<float> difference = other_.view().slice(0, n), delta = delta_.view().slice(0, n);
  for_rows(pool_, n, [&](std::size_t i) noexcept {
    for (std::size_t j = 0; j < input.cols; ++j) {
      difference.row(i)[j] = teacher.row(i)[j] - input.row(i)[j];
    }
  });
  multiply_nt<float>(pool_, difference, group_.matrix, delta);
  add_stream_difference(delta, at);
  scale(delta, delta);
  multiply_tn<float>(pool_, delta, scaled_.view().slice(0, n), sums.cross, Into::kAdded);
  if (sums.gap.empty()) return;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < delta.cols; ++j) {
      sums.gap.row(0)[j] += delta.row(i)[j] * delta.row(i)[j];
    }
  }
}

// A norm behind the product turns y to gain * y / rms(y): its difference is brought in front of it.
void MomentSums::add_stream_difference(MatrixView<float> delta, std::size_t at) noexcept {
  constexpr float kLeastGain = 1e-4f;  // what a channel hardly adds cannot correct
  const MatrixView<const float> stream = teacher_.stream->rows(at, delta.rows);
  for_rows(pool_, delta.rows, [&](std::size_t i) noexcept {
    float* const to = delta.row(i);
    const float *const is = stream_.row(i), *const should = stream.row(i);
    for (std::size_t j = 0; j < delta.cols; ++j) {
      const float gain = group_.gain == nullptr ? 1.0f : group_.gain[j];
      if (std::fabs(gain) > kLeastGain) to[j] += (should[j] - is[j]) * rms_[i] / gain;
    }
  });
}

InputMoments MomentSums::finished(InputMoments& sums) {
  InputMoments out = std::move(sums);
  const float scale = out.weight > 0.0 ? static_cast<float>(1.0 / out.weight) : 0.0f;
  mirror_lower<float>(pool_, out.h);
  scale_rows(pool_, out.h.view(), scale, out.h);
  scale_rows(pool_, out.cross.view(), scale, out.cross);
  if (out.gap.empty()) return out;
  if (out.shared) mirror_lower<float>(pool_, out.gap);
  scale_rows(pool_, out.gap.view(), scale, out.gap);
  return out;
}

}  // namespace lathe
