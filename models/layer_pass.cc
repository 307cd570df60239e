#include "models/layer_pass.h"

#include <algorithm>
#include <cmath>

namespace lathe {
namespace {

void copy_rows(MatrixView<const float> from, MatrixView<float> to) noexcept {
  for (std::size_t t = 0; t < from.rows; ++t) std::copy_n(from.row(t), from.cols, to.row(t));
}

MatrixView<const float> first_of(const DenseMatrix<float>& own,
                                 MatrixView<const float> other) noexcept {
  return own.empty() ? other : own.view();
}

}  // namespace

LayerPass::LayerPass(const GradientContext& ctx, const DecoderShape& shape, const LayerForm& form,
                     int layer, MatrixView<const float> x)
    : ctx_(ctx),
      shape_(shape),
      form_(form),
      layer_(layer),
      n_(x.rows),
      q_width_(shape.attention.n_head * shape.attention.head_dim),
      kv_width_(shape.attention.n_head_kv * shape.attention.head_dim),
      x_(x) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(shape.attention.head_dim));
  for (const BatchItem& item : ctx.items) {
    positions_.push_back(item.pos);
    query_scale_.push_back(static_cast<float>(scale) * form.temperature.at(item.pos));
  }
}

const WeightView& LayerPass::weight(TensorRole role) const noexcept {
  return ctx_.weights.get(role, layer_);
}

void LayerPass::product(TensorRole role, MatrixView<const float> x, MatrixView<float> y) {
  ctx_.products.forward(weight(role), ctx_.weights.get(role, layer_, TensorPart::kBias), x, y);
}

void LayerPass::product_back(TensorRole role, MatrixView<const float> x, MatrixView<const float> g,
                             MatrixView<float> dx, std::size_t value_row) {
  ctx_.products.backward(weight(role), g, dx);
  if (ctx_.observer == nullptr) return;
  ctx_.observer->on_input({role, layer_}, x, dx);
  if (value_row > 0) ctx_.observer->on_outputs({role, layer_}, 0, x, g.columns(0, value_row));
}

void LayerPass::norm(TensorRole role, MatrixView<const float> x, MatrixView<float> y) {
  rms_norm_forward(ctx_.kernels, ctx_.pool, x, weight(role), shape_.rms_eps, y);
}

void LayerPass::norm_back(TensorRole role, MatrixView<const float> x, MatrixView<const float> dy,
                          MatrixView<float> dx) {
  rms_norm_back(ctx_.pool, x, weight(role), shape_.rms_eps, dy, dx);
}

// ---- forwards

void LayerPass::forward(MatrixView<float> out) {
  attention();
  feed_forward();
  copy_rows(mid_.view(), out);
  if (!form_.norm_before) {
    Matrix normed(n_, shape_.n_embd);
    norm(TensorRole::kPostFfwNorm, f_.view(), normed.view());
    add_rows(ctx_.pool, out, normed.view());
  } else {
    add_rows(ctx_.pool, out, f_.view());
  }
}

void LayerPass::project() {
  qkv_ = Matrix(n_, q_width_ + 2 * kv_width_);
  const MatrixView<const float> h = first_of(h_, x_);
  const MatrixView<float> all = qkv_.view();
  const MatrixView<float> q = all.columns(0, q_width_), k = all.columns(q_width_, kv_width_);
  if (weight(TensorRole::kAttnQkv)) {
    product(TensorRole::kAttnQkv, h, all);
  } else {
    product(TensorRole::kAttnQ, h, q);
    product(TensorRole::kAttnK, h, k);
    product(TensorRole::kAttnV, h, all.columns(q_width_ + kv_width_, kv_width_));
  }
  if (form_.norm_qk) {
    raw_ = Matrix(n_, q_width_ + kv_width_);
    copy_rows(all.columns(0, q_width_ + kv_width_), raw_.view());
    norm(TensorRole::kAttnQNorm, q, q);
    norm(TensorRole::kAttnKNorm, k, k);
  }
  turn(Turn::kForward, q, k);
}

void LayerPass::turn(Turn way, MatrixView<float> q, MatrixView<float> k) {
  const HeadTurn turn{*form_.rope, positions_.data(), shape_.attention.head_dim};
  turn_heads(ctx_.kernels, ctx_.pool, turn, way, query_scale_.data(), q);
  turn_heads(ctx_.kernels, ctx_.pool, turn, way, nullptr, k);
}

AttentionInputs LayerPass::attention_inputs() const noexcept {
  const MatrixView<const float> all = qkv_.view();
  return {.shape = shape_.attention,
          .texts = ctx_.texts,
          .window = form_.window,
          .q = {all.data, n_, q_width_, all.stride},
          .k = {all.data + q_width_, n_, kv_width_, all.stride},
          .v = {all.data + q_width_ + kv_width_, n_, kv_width_, all.stride}};
}

void LayerPass::attention() {
  if (form_.norm_before) {
    h_ = Matrix(n_, shape_.n_embd);
    norm(TensorRole::kAttnNorm, x_, h_.view());
  }
  project();
  mixed_ = Matrix(n_, q_width_);
  attend_dense(ctx_.pool, attention_inputs(), mixed_.view());
  a_ = Matrix(n_, shape_.n_embd);
  product(TensorRole::kAttnOutput, mixed_.view(), a_.view());
  mid_ = Matrix(n_, shape_.n_embd);
  if (form_.norm_before) {
    copy_rows(a_.view(), mid_.view());
  } else {
    norm(TensorRole::kPostAttentionNorm, a_.view(), mid_.view());
  }
  add_rows(ctx_.pool, mid_.view(), x_);
}

void LayerPass::feed_forward() {
  if (form_.norm_before) {
    h2_ = Matrix(n_, shape_.n_embd);
    norm(TensorRole::kFfnNorm, mid_.view(), h2_.view());
  }
  const MatrixView<const float> h = first_of(h2_, mid_.view());
  gate_ = Matrix(n_, shape_.n_ff);
  up_ = Matrix(n_, shape_.n_ff);
  m_ = Matrix(n_, shape_.n_ff);
  product(TensorRole::kFfnGate, h, gate_.view());
  product(TensorRole::kFfnUp, h, up_.view());
  swiglu_forward(ctx_.pool, gate_.view(), up_.view(), m_.view());
  f_ = Matrix(n_, shape_.n_embd);
  product(TensorRole::kFfnDown, m_.view(), f_.view());
}

// ---- backwards

void LayerPass::backward(MatrixView<float> gradient) {
  feed_forward_back(gradient);
  attention_back(gradient);
}

void LayerPass::feed_forward_back(MatrixView<float> gradient) {
  Matrix df, dm(n_, shape_.n_ff), dh(n_, shape_.n_embd), part(n_, shape_.n_embd);
  if (!form_.norm_before) {
    df = Matrix(n_, shape_.n_embd);
    norm_back(TensorRole::kPostFfwNorm, f_.view(), gradient, df.view());
  }
  product_back(TensorRole::kFfnDown, m_.view(), first_of(df, gradient), dm.view());
  swiglu_back(ctx_.pool, dm.view(), gate_.view(), up_.view());
  const MatrixView<const float> h = first_of(h2_, mid_.view());
  product_back(TensorRole::kFfnGate, h, gate_.view(), dh.view());
  product_back(TensorRole::kFfnUp, h, up_.view(), part.view());
  add_rows(ctx_.pool, dh.view(), part.view());
  if (form_.norm_before) norm_back(TensorRole::kFfnNorm, mid_.view(), dh.view(), dh.view());
  add_rows(ctx_.pool, gradient, dh.view());
}

void LayerPass::attention_back(MatrixView<float> gradient) {
  Matrix da, dmixed(n_, q_width_), dqkv(n_, q_width_ + 2 * kv_width_);
  if (!form_.norm_before) {
    da = Matrix(n_, shape_.n_embd);
    norm_back(TensorRole::kPostAttentionNorm, a_.view(), gradient, da.view());
  }
  product_back(TensorRole::kAttnOutput, mixed_.view(), first_of(da, gradient), dmixed.view());
  const MatrixView<float> all = dqkv.view();
  const MatrixView<float> q = all.columns(0, q_width_), k = all.columns(q_width_, kv_width_);
  const AttentionGradients gradients{q, k, all.columns(q_width_ + kv_width_, kv_width_)};
  const std::vector<OuterSums> values =
      attend_dense_back(ctx_.pool, attention_inputs(), dmixed.view(), first_of(h_, x_), gradients);
  turn(Turn::kBack, q, k);
  if (form_.norm_qk) {
    const MatrixView<float> raw = raw_.view();
    norm_back(TensorRole::kAttnQNorm, raw.columns(0, q_width_), q, q);
    norm_back(TensorRole::kAttnKNorm, raw.columns(q_width_, kv_width_), k, k);
  }
  Matrix dh = project_back(all, values);
  if (form_.norm_before) norm_back(TensorRole::kAttnNorm, x_, dh.view(), dh.view());
  add_rows(ctx_.pool, gradient, dh.view());
}

DenseMatrix<float> LayerPass::project_back(MatrixView<const float> gradients,
                                           const std::vector<OuterSums>& values) {
  const MatrixView<const float> h = first_of(h_, x_);
  const bool fused = static_cast<bool>(weight(TensorRole::kAttnQkv));
  const std::size_t value_row = q_width_ + kv_width_;
  Matrix dh(n_, shape_.n_embd);
  if (fused) {
    product_back(TensorRole::kAttnQkv, h, gradients, dh.view(), value_row);
  } else {
    Matrix part(n_, shape_.n_embd);
    product_back(TensorRole::kAttnQ, h, gradients.columns(0, q_width_), dh.view());
    product_back(TensorRole::kAttnK, h, gradients.columns(q_width_, kv_width_), part.view());
    add_rows(ctx_.pool, dh.view(), part.view());
    product_back(TensorRole::kAttnV, h, gradients.columns(value_row, kv_width_), part.view(), 0);
    add_rows(ctx_.pool, dh.view(), part.view());
  }
  for (std::size_t head = 0; ctx_.observer != nullptr && head < values.size(); ++head) {
    const TensorId id{fused ? TensorRole::kAttnQkv : TensorRole::kAttnV, layer_};
    ctx_.observer->on_values(id, (fused ? value_row : 0) + head * shape_.attention.head_dim,
                             values[head]);
  }
  return dh;
}

}  // namespace lathe
