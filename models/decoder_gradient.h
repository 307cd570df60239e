// The gradient of the decoder-only transformers here: layers of attention and SwiGLU in a residual
// stream, which differ in where they normalise and in how they turn their heads.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "runtime/gradient/model_gradient.h"
#include "runtime/ops/attention.h"
#include "runtime/ops/rope.h"

namespace lathe {

// What is particular to a layer.
struct LayerForm {
  bool norm_before =
      true;              // attn_norm and ffn_norm before a block, or else the post norms after it
  bool norm_qk = false;  // queries and keys are normalised over all heads
  const RopeTable* rope = nullptr;
  QueryTemperature temperature{};
  std::size_t window = 0;  // keys that a query sees; 0: all
};

struct DecoderShape {
  AttentionShape attention;
  std::size_t n_embd, n_ff;
  float rms_eps;
};

class DecoderGradient final : public ModelGradient {
 public:
  DecoderGradient(const DecoderShape& shape, std::vector<LayerForm> forms)
      : shape_(shape), forms_(std::move(forms)) {}

  void embed(const GradientContext& ctx, MatrixView<float> hidden) const override;
  void layer(const GradientContext& ctx, int i, MatrixView<float> hidden) const override;
  void head(const GradientContext& ctx, MatrixView<const float> hidden,
            MatrixView<float> logits) const override;

  void head_back(const GradientContext& ctx, MatrixView<const float> hidden,
                 MatrixView<const float> dlogits, MatrixView<float> dhidden) const override;
  void layer_back(const GradientContext& ctx, int i, MatrixView<const float> input,
                  MatrixView<float> gradient) const override;
  void embed_back(const GradientContext& ctx, MatrixView<const float> gradient) const override;

 private:
  DecoderShape shape_;
  std::vector<LayerForm> forms_;  // [n_layer]
};

}  // namespace lathe
