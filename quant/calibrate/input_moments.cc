#include "quant/calibrate/input_moments.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/algebra/bf16_products.h"
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

std::size_t n_held_out(const CalibrationSet& set) noexcept {
  std::size_t n = 0;
  for (const CalibrationText& text : set.texts) n += text.held_out ? text.items.size() : 0;
  return n;
}

float root_mean_square(const float* x, std::size_t n) noexcept {
  double sum = 0.0;
  for (std::size_t j = 0; j < n; ++j) sum += static_cast<double>(x[j]) * x[j];
  return static_cast<float>(std::sqrt(sum / static_cast<double>(n)));
}

}  // namespace

MomentSums::MomentSums(const KernelTable& kernels, ThreadPool& pool, const CalibrationSet& set,
                       const Group& group, const TeacherInput& teacher, std::size_t max_rows)
    : pool_(pool),
      group_(group),
      teacher_(teacher),
      set_(set),
      counter_(set.run_texts()),
      sums_{{teacher.input.n_embd(), teacher.input.n_embd()},
            {n_delta(), teacher.input.n_embd()},
            !direct()},
      held_out_{{n_held_out(set), teacher.input.n_embd()}, {n_held_out(set), n_delta()}},
      scaled_(max_rows, teacher.input.n_embd()),
      delta_(max_rows, n_delta()),
      columns_(kernels, Bf16Matrix::Side::kBoth, teacher.input.n_embd(), max_rows),
      delta_columns_(kernels, Bf16Matrix::Side::kLeft, n_delta(), max_rows),
      rows_(kernels, Bf16Matrix::Side::kLeft, max_rows, group.matrix.cols),
      matrix_(kernels, Bf16Matrix::Side::kBoth, group.matrix.rows, group.matrix.cols),
      rms_(max_rows),
      scale_(max_rows) {
  if (group.matrix.rows == 0) return;
  output_ = DenseMatrix<float>(max_rows, group.matrix.rows);
  matrix_.load(pool, group.matrix);
  if (direct()) stream_ = DenseMatrix<float>(max_rows, group.matrix.rows);
}

void MomentSums::on_layer_input(int, MatrixView<const float> hidden) noexcept {
  in_layer_ = true;
  at_ = counter_.take(hidden.rows);
  if (direct()) keep_stream(hidden);
}

void MomentSums::on_layer_middle(int, MatrixView<const float> hidden) noexcept {
  if (direct()) keep_stream(hidden);
  if (group_.middle != nullptr) {
    scale_rows(pool_, hidden, 1.0f, group_.middle->rows(at_, hidden.rows));
  }
}

void MomentSums::keep_stream(MatrixView<const float> hidden) noexcept {
  scale_rows(pool_, hidden, 1.0f, stream_.view().slice(0, hidden.rows));
}

void MomentSums::on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept {
  if (weight.role != group_.role || weight.layer != group_.layer) return;
  const std::size_t at = in_layer_ ? at_ : counter_.take(input.rows);
  add(input, at);
  if (group_.keep_input) scale_rows(pool_, input, 1.0f, teacher_.input.rows(at, input.rows));
}

// Sizes and weights of the batch's tokens.
void MomentSums::weigh(MatrixView<const float> teacher) noexcept {
  const auto root = static_cast<float>(std::sqrt(text().weight));
  MatrixView<const float> sized = teacher;
  if (group_.weight == TokenWeight::kByOutput) {
    const MatrixView<float> output = output_.view().slice(0, teacher.rows);
    multiply_by_matrix(teacher, output);
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

void MomentSums::multiply_by_matrix(MatrixView<const float> rows, MatrixView<float> out) noexcept {
  rows_.load(pool_, rows);
  multiply_nt(pool_, rows_, matrix_, out);
}

void MomentSums::add(MatrixView<const float> input, std::size_t at) noexcept {
  const MatrixView<const float> teacher = teacher_.input.rows(at, input.rows);
  weigh(teacher);
  const MatrixView<const float> delta = delta_of(input, teacher, at);
  if (text().held_out) {
    scale(input, held_out_.input.view().slice(n_held_out_, input.rows));
    scale_rows(pool_, delta, 1.0f, held_out_.delta.view().slice(n_held_out_, input.rows));
    n_held_out_ += input.rows;
    return;
  }
  for (std::size_t i = 0; i < input.rows; ++i) {
    weight_ += static_cast<double>(scale_[i]) * scale_[i];
  }
  const MatrixView<float> scaled = scaled_.view().slice(0, input.rows);
  scale(input, scaled);
  columns_.load_transposed(pool_, scaled);
  delta_columns_.load_transposed(pool_, delta);
  add_gram_nt(pool_, columns_, sums_.h);
  multiply_nt(pool_, delta_columns_, columns_, sums_.cross, Into::kAdded);
}

// h - h', or of the one matrix W (h - h') + rho; scaled.
MatrixView<const float> MomentSums::delta_of(MatrixView<const float> input,
                                             MatrixView<const float> teacher,
                                             std::size_t at) noexcept {
  const std::size_t n = input.rows;
  const MatrixView<float> delta = delta_.view().slice(0, n);
  const MatrixView<float> difference = direct() ? scaled_.view().slice(0, n) : delta;
  for_rows(pool_, n, [&](std::size_t i) noexcept {
    for (std::size_t j = 0; j < input.cols; ++j) {
      difference.row(i)[j] = teacher.row(i)[j] - input.row(i)[j];
    }
  });
  if (direct()) {
    multiply_by_matrix(difference, delta);
    add_stream_difference(delta, at);
  }
  scale(delta, delta);
  return delta;
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

InputMoments MomentSums::decided() {
  const float scale = weight_ > 0.0 ? static_cast<float>(1.0 / weight_) : 0.0f;
  mirror_lower<float>(pool_, sums_.h);
  scale_rows(pool_, sums_.h.view(), scale, sums_.h);
  scale_rows(pool_, sums_.cross.view(), scale, sums_.cross);
  return std::move(sums_);
}

}  // namespace lathe
