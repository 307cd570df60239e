// What calibration sums over the tokens of one input: its second moment on the path that has the
// new weights so far, and how the paths differ.
//
//   H = E[h' h'^T]       h, h': the input through the source's weights and through the new ones
//   D = E[delta h'^T]    delta = W (h - h') + rho: what the product should correct
//
// rho is the present difference of the residual stream that the product is added to (zero for
// others). Where nothing is added, C = E[h h'^T] is summed instead, which serves all matrices of
// the input: D = W (C - H).
//
// Where a norm stands behind a product, what counts is an error beside the size of what it spoils:
// tokens are weighted by 1 / rms(y)^2 of the output y = W h, or, where the norm stands behind the
// block and nothing normed the input before, by 1 / rms(h)^2. Without, the errors of tokens with
// small outputs, which the norm makes large, would hardly count.
//
// What is summed are products in bfloat16 (runtime/algebra/bf16_products.h): of inputs, and of
// differences that were taken in float32.
#pragma once

#include <utility>
#include <vector>

#include "quant/calibrate/calibration_set.h"
#include "quant/calibrate/input_group.h"
#include "runtime/algebra/bf16_products.h"
#include "runtime/algebra/dense_matrix.h"
#include "runtime/forward/capture.h"
#include "runtime/forward/hidden_store.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/observer.h"

namespace lathe {

struct InputMoments {
  DenseMatrix<float> h;      // [n, n]
  DenseMatrix<float> cross;  // D [r, n] of the one matrix of the group, or C - H [n, n]
  bool shared = true;        // cross is C - H
};

// Tokens that do not decide, one by one, times the roots of their weights: what a rounding makes of
// them is computed from these directly. No rows where none is held out.
struct HeldOutTokens {
  DenseMatrix<float> input;  // [n_tokens, n] h'
  // [n_tokens, r] of the one matrix of the group, or h - h' [n_tokens, n]
  DenseMatrix<float> delta;
};

// The same input through the source's weights.
struct TeacherInput {
  const HiddenStore& input;
  const HiddenStore* stream;  // that the product is added to; null: none
};

// Watches the run of the new weights up to the input of one group, and sums. The stream that the
// group's product is added to is the last that it is told of.
class MomentSums final : public Observer {
 public:
  struct Group {
    TensorRole role;  // of the product that is watched
    int layer;
    TokenWeight weight = TokenWeight::kEven;
    // The matrix in float32, of a group that adds to the stream or is weighted by its output; and
    // of the former, the gain of the norm in between, where there is one.
    MatrixView<const float> matrix{};
    const float* gain = nullptr;
    // The input's tokens replace the teacher's when they have been summed, and the stream in the
    // middle of the layer is kept here: for the pass that goes on from them.
    bool keep_input = false;
    const HiddenStore* middle = nullptr;
  };
  MomentSums(const KernelTable& kernels, ThreadPool& pool, const CalibrationSet& set,
             const Group& group, const TeacherInput& teacher, std::size_t max_rows);

  void on_text(std::size_t text) noexcept override { counter_.on_text(text); }
  void on_layer_input(int layer, MatrixView<const float> hidden) noexcept override;
  void on_layer_middle(int layer, MatrixView<const float> hidden) noexcept override;
  void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept override;

  // Once.
  InputMoments decided();  // means over the tokens that decide
  HeldOutTokens held_out() { return std::move(held_out_); }

 private:
  const CalibrationText& text() const noexcept { return set_.texts[counter_.text()]; }
  bool direct() const noexcept { return teacher_.stream != nullptr; }
  std::size_t n_delta() const noexcept {  // columns of delta
    return direct() ? group_.matrix.rows : teacher_.input.n_embd();
  }
  void keep_stream(MatrixView<const float> hidden) noexcept;
  void add(MatrixView<const float> input, std::size_t at) noexcept;
  void weigh(MatrixView<const float> teacher) noexcept;
  void scale(MatrixView<const float> from, MatrixView<float> to) noexcept;
  void multiply_by_matrix(MatrixView<const float> rows, MatrixView<float> out) noexcept;
  MatrixView<const float> delta_of(MatrixView<const float> input, MatrixView<const float> teacher,
                                   std::size_t at) noexcept;
  void add_stream_difference(MatrixView<float> delta, std::size_t at) noexcept;

  ThreadPool& pool_;
  Group group_;
  TeacherInput teacher_;
  const CalibrationSet& set_;
  ItemCounter counter_;
  std::size_t at_ = 0;
  bool in_layer_ = false;
  InputMoments sums_;
  double weight_ = 0.0;  // of the tokens that decide
  HeldOutTokens held_out_;
  std::size_t n_held_out_ = 0;
  // Of one batch, in rows of tokens.
  DenseMatrix<float> scaled_, delta_, output_, stream_;
  Bf16Matrix columns_, delta_columns_;  // of the input and of delta (or of h - h'), scaled
  Bf16Matrix rows_, matrix_;            // of products with the matrix
  std::vector<float> rms_;              // [rows] of what the norm behind sees; 1 without
  std::vector<float> scale_;            // [rows] roots of the weights
};

}  // namespace lathe
