// Binds the tensors of a source to the roles of a model, checking name, shape and type of each.
//
// Nothing is copied: views point to where the source has them. A model asks for every tensor it
// knows; what it did not ask for is refused by name at the end, because a tensor that nobody reads
// is a computation that nobody does.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/model.h"
#include "runtime/tensor_source.h"
#include "runtime/weight_set.h"

namespace lathe {

class WeightLoader {
 public:
  WeightLoader(const TensorSource& file, std::size_t n_layer);

  // A matrix [rows, cols] of any format. Error (kBadInput) naming the tensor when it is missing or
  // has another shape.
  void matrix(TensorRole role, int layer, std::size_t rows, std::size_t cols);
  // A vector of n float32 values.
  void vector(TensorRole role, int layer, std::size_t n);
  // False when the file has none.
  bool optional_matrix(TensorRole role, int layer, std::size_t rows, std::size_t cols);
  bool optional_vector(TensorRole role, int layer, std::size_t n,
                       TensorPart part = TensorPart::kWeight);
  // A matrix and, if the file has one, its bias.
  void matrix_and_bias(TensorRole role, int layer, std::size_t rows, std::size_t cols);

  // token_embd [n_vocab, n_embd], output_norm and output (or none: tied). Sets traits.n_vocab and
  // traits.tied_output.
  void embedding_and_head(ModelTraits& traits);
  // attn_qkv, or attn_q, attn_k and attn_v, with their biases.
  void queries_keys_values(int layer, std::size_t n_embd, std::size_t q_width,
                           std::size_t kv_width);

  const WeightView& get(TensorRole role, int layer) const noexcept { return set_.get(role, layer); }

  // Refuses tensors that were not asked for, and counts parameters and bytes into traits.
  WeightSet finish(ModelTraits& traits);

 private:
  bool bind(TensorId id, std::size_t rows, std::size_t cols, bool is_vector);
  [[noreturn]] void fail_missing(TensorId id) const;

  const TensorSource& file_;
  WeightSet set_;
  std::vector<bool> taken_;  // by index in file_.tensors()
};

}  // namespace lathe
