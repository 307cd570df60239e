// One layer of a decoder on whole texts, in float32: forwards with all that its steps leave, and
// backwards through them.
#pragma once

#include <vector>

#include "models/decoder_gradient.h"
#include "runtime/algebra/dense_matrix.h"
#include "runtime/gradient/gradient_steps.h"

namespace lathe {

class LayerPass {
 public:
  // x: what enters the layer, [n, n_embd]; it outlives the pass.
  LayerPass(const GradientContext& ctx, const DecoderShape& shape, const LayerForm& form, int layer,
            MatrixView<const float> x);

  // out: [n, n_embd], written; may be x where nothing goes backwards.
  void forward(MatrixView<float> out);
  // After forward(): the gradient at what left the layer becomes that at what entered.
  void backward(MatrixView<float> gradient);

 private:
  using Matrix = DenseMatrix<float>;

  const WeightView& weight(TensorRole role) const noexcept;
  void product(TensorRole role, MatrixView<const float> x, MatrixView<float> y);
  // dx = g W, told to the observer; rows before `value_row` of W by their outputs.
  void product_back(TensorRole role, MatrixView<const float> x, MatrixView<const float> g,
                    MatrixView<float> dx, std::size_t value_row);
  void product_back(TensorRole role, MatrixView<const float> x, MatrixView<const float> g,
                    MatrixView<float> dx) {
    product_back(role, x, g, dx, g.cols);
  }
  void norm(TensorRole role, MatrixView<const float> x, MatrixView<float> y);
  void norm_back(TensorRole role, MatrixView<const float> x, MatrixView<const float> dy,
                 MatrixView<float> dx);

  void project();
  void turn(Turn way, MatrixView<float> q, MatrixView<float> k);
  AttentionInputs attention_inputs() const noexcept;
  void attention();
  void feed_forward();

  void feed_forward_back(MatrixView<float> gradient);
  void attention_back(MatrixView<float> gradient);
  // gradients: at q, k and v, as the columns of one matrix; the result is that at h.
  Matrix project_back(MatrixView<const float> gradients, const std::vector<OuterSums>& values);

  const GradientContext& ctx_;
  const DecoderShape& shape_;
  const LayerForm& form_;
  const int layer_;
  const std::size_t n_, q_width_, kv_width_;
  std::vector<std::int32_t> positions_;  // [n]
  std::vector<float> query_scale_;       // [n]

  MatrixView<const float> x_;  // what enters
  Matrix h_;                   // x normalised; none: x
  Matrix raw_;                 // q and k before their norms; none: without norms
  Matrix qkv_;                 // queries (turned and scaled), keys (turned), values
  Matrix mixed_;               // out of attention
  Matrix a_, mid_;             // attn_output's result; the stream after attention
  Matrix h2_;                  // mid normalised; none: mid
  Matrix gate_, up_, m_, f_;   // SwiGLU's, and ffn_down's result
};

}  // namespace lathe
