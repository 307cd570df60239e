#include "runtime/gradient/gradient_pass.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "runtime/algebra/dense_matrix.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/forward/hidden_store.h"
#include "runtime/forward/weight_stream.h"

namespace lathe {
namespace {

using Matrix = DenseMatrix<float>;

constexpr std::size_t kLogitElements = std::size_t{64} << 20;  // 256 MB of logits at once
constexpr std::size_t kMinLogitRows = 64;

class Pass {
 public:
  Pass(const GradientRun& run, const GradientOptions& options, const GradientCallbacks& callbacks,
       GradientObserver& observer)
      : run_(run),
        options_(options),
        callbacks_(callbacks),
        traits_(run.model.traits()),
        model_(run.model.make_gradient()),
        products_(run.kernels, run.pool),
        stream_(run.model.weights(), run.files) {
    if (model_ == nullptr) {
      throw usage_error("there is no gradient for the architecture " +
                        quoted(traits_.architecture));
    }
    take_texts();
    ctx_ = std::make_unique<GradientContext>(GradientContext{
        run.kernels, run.pool, run.model.weights(), products_, items_, rows_, &observer});
  }

  void run() {
    forward();
    head();
    backward();
  }

 private:
  int n_layer() const noexcept { return static_cast<int>(traits_.n_layer); }

  void take_texts() {
    for (const Batch text : run_.texts) {
      rows_.push_back({items_.size(), text.size()});
      items_.insert(items_.end(), text.begin(), text.end());
    }
    for (const BatchItem& item : items_) {
      if (item.token >= 0 && static_cast<std::size_t>(item.token) < traits_.n_vocab) continue;
      throw usage_error(
          fmt::format("token {} is outside of the vocabulary of {}", item.token, traits_.n_vocab));
    }
    for (int i = 0; i <= n_layer(); ++i) {
      states_.push_back(
          std::make_unique<HiddenStore>(items_.size(), traits_.n_embd, options_.spill_folder));
    }
  }

  MatrixView<float> state(int layer) const noexcept {
    return states_[static_cast<std::size_t>(layer)]->rows(0, items_.size());
  }

  void forward() {
    model_->embed(*ctx_, state(0));
    for (int i = 0; i < n_layer(); ++i) {
      stream_.read_ahead(i + 1);
      const MatrixView<float> from = state(i), to = state(i + 1);
      std::copy_n(from.data, from.rows * from.cols, to.data);
      model_->layer(*ctx_, i, to);
      finish(i, fmt::format("layer {} of {}, forward", i + 1, n_layer()));
    }
  }

  // The gradient at the last hidden states takes their place.
  void head() {
    const std::size_t most =
        std::max(kMinLogitRows, kLogitElements / std::max<std::size_t>(1, traits_.n_vocab));
    Matrix logits(std::min(most, items_.size()), traits_.n_vocab);
    Matrix back(logits.view().rows, traits_.n_embd);
    for (std::size_t t = 0; t < rows_.size(); ++t) {
      const TextRows& text = rows_[t];
      const std::size_t first = std::min(options_.first_row, text.n);
      const MatrixView<float> hidden = state(n_layer()).slice(text.first, text.n);
      std::fill_n(hidden.data, first * hidden.cols, 0.0f);
      for (std::size_t row = first, n = 0; row < text.n; row += n) {
        n = std::min(most, text.n - row);
        const MatrixView<float> x = hidden.slice(row, n);
        const MatrixView<float> z = logits.view().slice(0, n), dx = back.view().slice(0, n);
        model_->head(*ctx_, x, z);
        callbacks_.logits(t, row, z);
        model_->head_back(*ctx_, x, z, dx);
        std::copy_n(dx.data, n * dx.cols, x.data);
      }
    }
    finish(n_layer(), "output head");
  }

  void backward() {
    const MatrixView<float> gradient = state(n_layer());
    for (int i = n_layer() - 1; i >= 0; --i) {
      if (i > 0) stream_.read_ahead(i - 1);
      model_->layer_back(*ctx_, i, state(i), gradient);
      states_[static_cast<std::size_t>(i)].reset();
      finish(i, fmt::format("layer {} of {}, backward", i + 1, n_layer()));
    }
    model_->embed_back(*ctx_, gradient);
  }

  // Work in forward passes of a layer: going backwards is three, the head about as much.
  void finish(int layer, const std::string& step) {
    if (options_.drop_weights) stream_.drop(layer);
    const bool back = step.ends_with("backward");
    n_done_ += back ? 3 : 1;
    if (!callbacks_.progress) return;
    const double fraction = n_done_ / (4.0 * n_layer() + 1.0);
    if (!callbacks_.progress(fraction, step)) throw failed("stopped");
  }

  const GradientRun& run_;
  const GradientOptions& options_;
  const GradientCallbacks& callbacks_;
  const ModelTraits& traits_;
  std::unique_ptr<ModelGradient> model_;
  DenseProducts products_;
  WeightStream stream_;
  std::vector<BatchItem> items_;
  std::vector<TextRows> rows_;
  std::vector<std::unique_ptr<HiddenStore>>
      states_;  // [n_layer + 1] what enters each, and the head
  std::unique_ptr<GradientContext> ctx_;
  double n_done_ = 0.0;
};

}  // namespace

std::size_t count_rows(std::span<const Batch> texts, std::size_t first_row) noexcept {
  std::size_t n = 0;
  for (const Batch text : texts) n += text.size() - std::min(first_row, text.size());
  return n;
}

void run_gradient_pass(const GradientRun& run, const GradientOptions& options,
                       const GradientCallbacks& callbacks, GradientObserver& observer) {
  Pass(run, options, callbacks, observer).run();
}

}  // namespace lathe
