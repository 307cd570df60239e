// What the decoder-only transformers here have in common outside of their layers: token embedding,
// final norm and output head, and the sizes that follow from the header.
#pragma once

#include <memory>
#include <utility>

#include "models/blocks.h"
#include "models/decoder_gradient.h"
#include "models/hparams.h"
#include "runtime/model.h"

namespace lathe {

class Decoder : public Model {
 public:
  const ModelTraits& traits() const noexcept final { return hparams_.traits; }
  const WeightSet& weights() const noexcept final { return weights_; }

  void embed(ExecContext& ctx, Batch items, MatrixView<float> hidden) const noexcept final;
  void head(ExecContext& ctx, MatrixView<const float> hidden,
            MatrixView<float> logits) const noexcept final;
  std::size_t scratch_bytes(const KernelTable& kernels, int n_threads, std::size_t n_items,
                            std::size_t n_cells) const final;
  std::unique_ptr<ModelGradient> make_gradient() const final;

 protected:
  Decoder(Hparams hparams, WeightSet weights)
      : hparams_(std::move(hparams)), weights_(std::move(weights)) {}

  AttentionShape attention_shape() const noexcept {
    return {hparams_.traits.n_head, hparams_.traits.n_head_kv, hparams_.traits.head_dim};
  }
  // What is particular to a layer, for the steps backwards.
  virtual LayerForm layer_form(int i) const noexcept = 0;
  std::size_t n_ff() const noexcept { return hparams_.traits.n_ff; }
  // RMSNorm with the weight of a role; out may be x.
  void norm(ExecContext& ctx, MatrixView<const float> x, TensorRole role, int layer,
            MatrixView<float> out) const noexcept;

  // Buffers of a layer: all that its steps hold between them.
  struct LayerBuffers {
    MatrixView<float> h;  // [n_items, n_embd]
    Qkv qkv;
  };
  LayerBuffers take_buffers(Arena& scratch, std::size_t n_items) const noexcept;

 private:
  Hparams hparams_;
  WeightSet weights_;
};

}  // namespace lathe
