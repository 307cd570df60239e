// The forward pass in double precision, written from the definition of the architectures and
// sharing nothing with the engine but the decoding of blocks: one token after another, plain loops,
// the whole matrix of scores.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "kernels/tiers.h"
#include "runtime/gguf/gguf_file.h"

namespace lathe::test {

class OracleModel {
 public:
  using Vector = std::vector<double>;

  explicit OracleModel(const GgufFile& file) : m_(file.metadata()) {
    arch_ = std::string(m_.require_text("general.architecture"));
    KernelTable kernels;
    select_kernels("scalar", &kernels);
    for (const TensorInfo& t : file.tensors()) {
      std::vector<float> x(t.n_elements());
      kernels.decode[index_of(t.format)](file.data(t).data(), x.size(), x.data());
      tensors_[t.name] = {Vector(x.begin(), x.end()), t.cols(), t.rows()};
    }
    L_ = uint("block_count");
    H_ = first("attention.head_count");
    G_ = m_.has(key("attention.head_count_kv")) ? first("attention.head_count_kv") : H_;
    d_ = uint("embedding_length");
    D_ = m_.has(key("attention.key_length")) ? uint("attention.key_length") : d_ / H_;
    eps_ = m_.require_real(key("attention.layer_norm_rms_epsilon"));
  }

  // Elements of a tensor, row by row, to be changed by tests of gradients.
  Vector& weights(const std::string& tensor) { return tensors_.at(tensor).x; }

  // Logits at every position of one sequence that starts at position first_pos.
  std::vector<Vector> logits(const std::vector<int>& tokens, int first_pos = 0) const {
    std::vector<Vector> x;
    for (const int t : tokens) x.push_back(row("token_embd.weight", static_cast<std::size_t>(t)));
    for (std::size_t l = 0; l < L_; ++l) layer(l, x, first_pos);
    std::vector<Vector> out;
    for (const Vector& v : x) out.push_back(linear(head(), norm(v, "output_norm.weight")));
    return out;
  }

 private:
  struct Tensor {
    Vector x;
    std::size_t cols, rows;
  };

  std::string key(const std::string& name) const { return arch_ + "." + name; }
  std::size_t uint(const std::string& name) const { return m_.require_uint(key(name)); }
  std::size_t first(const std::string& name) const { return m_.uint_list(key(name))->front(); }
  double real(const std::string& name, double fallback) const {
    return m_.real(key(name)).value_or(fallback);
  }
  const Tensor* find(const std::string& name) const {
    const auto it = tensors_.find(name);
    return it == tensors_.end() ? nullptr : &it->second;
  }
  std::string head() const { return find("output.weight") ? "output" : "token_embd"; }

  Vector row(const std::string& name, std::size_t r) const {
    const Tensor& t = tensors_.at(name);
    const auto begin = t.x.begin() + static_cast<std::ptrdiff_t>(r * t.cols);
    return Vector(begin, begin + static_cast<std::ptrdiff_t>(t.cols));
  }

  // W x + b of the tensors STEM.weight and STEM.bias.
  Vector linear(const std::string& stem, const Vector& x) const {
    const Tensor& w = tensors_.at(stem + ".weight");
    Vector y(w.rows, 0.0);
    for (std::size_t r = 0; r < w.rows; ++r) {
      for (std::size_t c = 0; c < w.cols; ++c) y[r] += w.x[r * w.cols + c] * x[c];
    }
    if (const Tensor* b = find(stem + ".bias")) {
      for (std::size_t r = 0; r < w.rows; ++r) y[r] += b->x[r];
    }
    return y;
  }

  Vector norm(const Vector& x, const std::string& name) const {
    double sum = 0;
    for (const double v : x) sum += v * v;
    const double scale = 1.0 / std::sqrt(sum / static_cast<double>(x.size()) + eps_);
    const Vector& g = tensors_.at(name).x;
    Vector y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] * scale * g[i];
    return y;
  }

  // The window of layer l; 0: none.
  std::size_t window(std::size_t l) const {
    if (arch_ != "olmo2") return 0;
    const std::size_t n = m_.uint(key("attention.sliding_window")).value_or(0);
    const auto pattern = m_.uint_list(key("attention.sliding_window_pattern"));
    const bool slides = pattern ? (*pattern)[l] != 0 : l % 4 < 3;
    return slides ? n : 0;
  }

  double corr(double r, double base, double n_ctx) const {
    return static_cast<double>(D_) * std::log(n_ctx / (r * 2 * std::numbers::pi)) /
           (2 * std::log(base));
  }

  // Turns one head of D_ values at x to position p.
  void rope(double* x, double p, bool plain) const {
    const bool mistral3 = arch_ == "mistral3";
    double base = real("rope.freq_base", 10000.0);
    if (plain) base = real("rope.freq_base_swa", base);
    double s = real("rope.scaling.factor", real("rope.scale_linear", 1.0));
    if (s == 0) s = 1;
    const std::string type(m_.text(key("rope.scaling.type")).value_or("linear"));
    if (type == "none" || plain) s = 1;
    const bool yarn = type == "yarn" && !plain;
    double magnitude = plain ? 1.0 : real("rope.scaling.attn_factor", 1.0);
    double lo = 0, hi = 0;
    if (yarn) {
      const double n_ctx = static_cast<double>(
          m_.uint(key("rope.scaling.original_context_length")).value_or(uint("context_length")));
      const double fast = mistral3 ? real("rope.scaling.yarn_beta_fast", 32) : 32;
      const double slow = mistral3 ? real("rope.scaling.yarn_beta_slow", 1) : 1;
      lo = std::max(0.0, std::floor(corr(fast, base, n_ctx)));
      hi = std::min(static_cast<double>(D_) - 1, std::ceil(corr(slow, base, n_ctx)));
      const double mu = mistral3 ? real("rope.scaling.yarn_log_multiplier", 0) : 0;
      if (s > 1) magnitude *= (1 + 0.1 * std::log(s)) / (mu == 0 ? 1 : 1 + 0.1 * mu * std::log(s));
    }
    const Tensor* factors = find("rope_freqs.weight");
    for (std::size_t i = 0; i < D_ / 2; ++i) {
      const double theta = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(D_));
      const double e = p * theta / (factors ? factors->x[i] : 1.0);
      const double t = e / s;
      double angle = t;
      if (yarn) {
        const double ramp =
            1 - std::clamp((static_cast<double>(i) - lo) / std::max(0.001, hi - lo), 0.0, 1.0);
        angle = t * (1 - ramp) + e * ramp;
      }
      double& a = arch_ == "olmo2" ? x[i] : x[2 * i];
      double& b = arch_ == "olmo2" ? x[i + D_ / 2] : x[2 * i + 1];
      const double a0 = a, b0 = b;
      a = magnitude * (a0 * std::cos(angle) - b0 * std::sin(angle));
      b = magnitude * (a0 * std::sin(angle) + b0 * std::cos(angle));
    }
  }

  double temperature(double p) const {
    if (arch_ != "mistral3") return 1;
    const double beta = real("attention.temperature_scale", 0);
    const double n = static_cast<double>(
        m_.uint(key("rope.scaling.original_context_length")).value_or(uint("context_length")));
    return 1 + beta * std::log(std::floor(p / n) + 1);
  }

  void layer(std::size_t l, std::vector<Vector>& x, int first_pos) const {
    const std::string p = "blk." + std::to_string(l) + ".";
    const bool olmo2 = arch_ == "olmo2";
    const std::size_t n = x.size(), w = window(l);
    std::vector<Vector> q(n), k(n), v(n);
    for (std::size_t t = 0; t < n; ++t) {
      const Vector h = olmo2 ? x[t] : norm(x[t], p + "attn_norm.weight");
      project(p, h, q[t], k[t], v[t]);
      if (olmo2) {
        q[t] = norm(q[t], p + "attn_q_norm.weight");
        k[t] = norm(k[t], p + "attn_k_norm.weight");
      }
      const double pos = first_pos + static_cast<double>(t);
      for (std::size_t a = 0; a < H_; ++a) rope(&q[t][a * D_], pos, w > 0);
      for (std::size_t g = 0; g < G_; ++g) rope(&k[t][g * D_], pos, w > 0);
      for (double& value : q[t]) value *= temperature(pos);
    }
    for (std::size_t t = 0; t < n; ++t) {
      Vector a = linear(p + "attn_output", attention(t, w, q, k, v));
      if (olmo2) a = norm(a, p + "post_attention_norm.weight");
      for (std::size_t i = 0; i < d_; ++i) x[t][i] += a[i];
      Vector f = feed_forward(p, olmo2 ? x[t] : norm(x[t], p + "ffn_norm.weight"));
      if (olmo2) f = norm(f, p + "post_ffw_norm.weight");
      for (std::size_t i = 0; i < d_; ++i) x[t][i] += f[i];
    }
  }

  void project(const std::string& p, const Vector& h, Vector& q, Vector& k, Vector& v) const {
    if (find(p + "attn_qkv.weight") == nullptr) {
      q = linear(p + "attn_q", h);
      k = linear(p + "attn_k", h);
      v = linear(p + "attn_v", h);
      return;
    }
    const Vector all = linear(p + "attn_qkv", h);
    const auto k_begin = all.begin() + static_cast<std::ptrdiff_t>(H_ * D_);
    const auto v_begin = k_begin + static_cast<std::ptrdiff_t>(G_ * D_);
    q.assign(all.begin(), k_begin);
    k.assign(k_begin, v_begin);
    v.assign(v_begin, all.end());
  }

  Vector attention(std::size_t t, std::size_t w, const std::vector<Vector>& q,
                   const std::vector<Vector>& k, const std::vector<Vector>& v) const {
    Vector out(H_ * D_, 0.0);
    for (std::size_t a = 0; a < H_; ++a) {
      const std::size_t g = a / (H_ / G_);
      Vector s(t + 1, -HUGE_VAL);
      double most = -HUGE_VAL, sum = 0;
      for (std::size_t u = 0; u <= t; ++u) {
        if (w > 0 && t - u >= w) continue;
        s[u] = 0;
        for (std::size_t i = 0; i < D_; ++i) s[u] += q[t][a * D_ + i] * k[u][g * D_ + i];
        s[u] /= std::sqrt(static_cast<double>(D_));
        most = std::max(most, s[u]);
      }
      for (double& value : s) sum += value = std::exp(value - most);
      for (std::size_t u = 0; u <= t; ++u) {
        for (std::size_t i = 0; i < D_; ++i) out[a * D_ + i] += s[u] / sum * v[u][g * D_ + i];
      }
    }
    return out;
  }

  Vector feed_forward(const std::string& p, const Vector& h) const {
    Vector gate = linear(p + "ffn_gate", h);
    const Vector up = linear(p + "ffn_up", h);
    for (std::size_t i = 0; i < gate.size(); ++i)
      gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
    return linear(p + "ffn_down", gate);
  }

  const Metadata& m_;
  std::string arch_;
  std::map<std::string, Tensor> tensors_;
  std::size_t L_, H_, G_, d_, D_;
  double eps_;
};

}  // namespace lathe::test
