#include "runtime/forward/by_text.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "runtime/base/error.h"

namespace lathe {
namespace {

// Observers and the hook look on during a run, also when it ends with an error.
class Watching {
 public:
  Watching(const std::vector<std::unique_ptr<Session>>& sessions, const RunCallbacks& callbacks,
           const std::function<void()>& layer_hook)
      : sessions_(sessions) {
    for (std::size_t m = 0; m < sessions.size(); ++m) {
      sessions[m]->set_observer(callbacks.observer(m));
      sessions[m]->set_layer_hook(layer_hook);
    }
  }
  ~Watching() {
    for (const auto& session : sessions_) {
      session->set_observer(nullptr);
      session->set_layer_hook({});
    }
  }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

 private:
  const std::vector<std::unique_ptr<Session>>& sessions_;
};

}  // namespace

TextByText::TextByText(std::vector<RunModel> models, const KernelTable& kernels, ThreadPool& pool,
                       const RunOptions& options)
    : ForwardRunner(std::move(models), options) {
  for (const RunModel& m : models_) {
    sessions_.push_back(std::make_unique<Session>(m.model, kernels, pool,
                                                  SessionOptions{.n_ctx = options.n_cells,
                                                                 .n_batch = options.n_batch,
                                                                 .max_logits = options.max_logits,
                                                                 .k_format = options.k_format,
                                                                 .v_format = options.v_format,
                                                                 .weights = m.overlay}));
    sessions_.back()->set_skipped_layers(m.skipped_layers);
  }
  options_.n_batch = sessions_.front()->options().n_batch;
  options_.max_logits = sessions_.front()->options().max_logits;
  logits_.resize(models_.size());
}

void TextByText::run_part(std::span<const RunText> texts, const RunPart& part,
                          const RunCallbacks& callbacks) {
  check_part(texts, part);
  std::size_t n_items = 0, n_done = 0;
  for (const RunText text : texts) n_items += text.size();
  // Layers count alike, whatever model they are of.
  double n_steps = 0.0;
  for (const RunModel& m : models_) {
    const LayerRange layers = checked_range(part.layers, m.model.traits().n_layer);
    n_steps += layers.end - layers.first;
  }
  double in_text = 0.0;  // items of the text, by share of the steps that they are through
  std::function<void()> layer_hook;
  if (callbacks.within_text) {
    layer_hook = [&] {
      in_text += static_cast<double>(n_in_batch_) / n_steps;
      const double done = static_cast<double>(n_done) + in_text;
      if (!callbacks.within_text(done / static_cast<double>(n_items))) throw failed("stopped");
    };
  }
  const Watching watching(sessions_, callbacks, layer_hook);
  for (std::size_t t = 0; t < texts.size(); ++t) {
    in_text = 0.0;
    run_text(t, texts[t], n_done, part, callbacks);
    n_done += texts[t].size();
    if (callbacks.done) callbacks.done(t + 1);
    if (!callbacks.progress) continue;
    const double fraction = static_cast<double>(n_done) / static_cast<double>(n_items);
    if (!callbacks.progress(fraction, "")) throw failed("stopped");
  }
}

// Cuts a text where the batch is full or its logits are. What is computed does not depend on that.
void TextByText::run_text(std::size_t index, RunText text, std::size_t first_item,
                          const RunPart& part, const RunCallbacks& callbacks) {
  const bool with_logits = to_head(part);
  for (std::size_t m = 0; m < models_.size(); ++m) {
    sessions_[m]->clear();
    if (callbacks.observer(m) != nullptr) callbacks.observer(m)->on_text(index);
  }
  std::size_t first = 0, n_rows = 0, first_row = 0;
  const auto flush = [&](std::size_t end) {
    run_batch(text.subspan(first, end - first), first_item + first, part);
    if (n_rows > 0 && callbacks.logits && !part.layers.until)
      callbacks.logits(index, first_row, logits_);
    first = end;
    first_row += n_rows;
    n_rows = 0;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool full = i - first == options_.n_batch;
    const bool wanted = with_logits && text[i].want_logits;
    if (full || (wanted && n_rows == options_.max_logits)) flush(i);
    n_rows += wanted;
  }
  if (first < text.size()) flush(text.size());
}

bool TextByText::to_head(const RunPart& part) const {
  const std::size_t n_layer = models_.front().model.traits().n_layer;
  return reaches_head(checked_range(part.layers, n_layer), n_layer);
}

// first_item: the batch's place among the items of all texts.
void TextByText::run_batch(Batch batch, std::size_t first_item, const RunPart& part) {
  n_in_batch_ = batch.size();
  for (std::size_t m = 0; m < models_.size(); ++m) {
    MatrixView<const float> from, input;
    if (part.layers.takes_up_hidden()) from = part.from[m]->rows(first_item, batch.size());
    if (part.layers.since) input = part.input->rows(first_item, batch.size());
    if (!sessions_[m]->decode_layers(batch, MatmulPath::kPanel, part.layers, from, input)) {
      throw usage_error("a text is longer than the context of " + std::to_string(options_.n_cells) +
                        " tokens");
    }
    logits_[m] = sessions_[m]->logits();
    if (part.to.empty()) continue;
    const MatrixView<const float> hidden = sessions_[m]->hidden();
    std::copy_n(hidden.data, hidden.rows * hidden.cols,
                part.to[m]->rows(first_item, hidden.rows).data);
  }
}

}  // namespace lathe
