// A model backwards: how a number L that follows from its logits changes with what is inside.
//
// The steps of runtime/model.h for whole texts, in float32 (weights decoded, no int8 activations),
// and the same steps backwards. A step backwards computes its forward again from its input, so what
// has to be kept of a pass are the hidden states between layers. Weights have no gradients of their
// own here: an observer sees the two factors, the inputs of a product and the gradients at its
// outputs, whose outer products summed over tokens they would be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/matrix_view.h"
#include "runtime/batch.h"
#include "runtime/gradient/dense_attention.h"
#include "runtime/gradient/dense_product.h"
#include "runtime/gradient/outer_sums.h"
#include "runtime/weight_set.h"

namespace lathe {

// Looks on at a backward pass, on its thread, between parallel sections. All rows of x and g are
// tokens of the texts, in order.
class GradientObserver {
 public:
  virtual ~GradientObserver() = default;

  // What enters a product y = W x, [n, n_in], and the gradient there by this product alone: g W.
  virtual void on_input(TensorId weight, MatrixView<const float> x, MatrixView<const float> dx) = 0;
  // x [n, n_in], and the gradient at the outputs of rows [first_row, first_row + g.cols) of W.
  virtual void on_outputs(TensorId weight, std::size_t first_row, MatrixView<const float> x,
                          MatrixView<const float> g) = 0;
  // In the place of on_outputs() for rows that project to values: their terms as attention sees
  // them (runtime/gradient/dense_attention.h).
  virtual void on_values(TensorId weight, std::size_t first_row, const OuterSums& sums) = 0;
  // The gradient at the rows [n, n_embd] that were looked up in the table of embeddings.
  virtual void on_lookup(TensorId weight, Batch items, MatrixView<const float> g) = 0;
};

// What the steps run with: whole texts, one after the other.
struct GradientContext {
  const KernelTable& kernels;
  ThreadPool& pool;
  const WeightSet& weights;
  DenseProducts& products;
  Batch items;                      // of all texts
  std::span<const TextRows> texts;  // their rows in `items`, which they cover
  GradientObserver* observer = nullptr;
};

class ModelGradient {
 public:
  virtual ~ModelGradient() = default;

  // hidden: [n, n_embd], written.
  virtual void embed(const GradientContext& ctx, MatrixView<float> hidden) const = 0;
  // hidden: [n, n_embd], in place.
  virtual void layer(const GradientContext& ctx, int i, MatrixView<float> hidden) const = 0;
  // hidden: any rows after the last layer; logits: [rows, n_vocab], written.
  virtual void head(const GradientContext& ctx, MatrixView<const float> hidden,
                    MatrixView<float> logits) const = 0;

  // dhidden [rows, n_embd], written, from the gradient at the logits of the same rows.
  virtual void head_back(const GradientContext& ctx, MatrixView<const float> hidden,
                         MatrixView<const float> dlogits, MatrixView<float> dhidden) const = 0;
  // input: what entered layer i; gradient [n, n_embd]: at what left it, becomes that at `input`.
  virtual void layer_back(const GradientContext& ctx, int i, MatrixView<const float> input,
                          MatrixView<float> gradient) const = 0;
  // For the observer only.
  virtual void embed_back(const GradientContext& ctx, MatrixView<const float> gradient) const = 0;
};

}  // namespace lathe
