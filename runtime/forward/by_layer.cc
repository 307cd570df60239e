#include "runtime/forward/by_layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/batch_check.h"
#include "runtime/overlay.h"

namespace lathe {
namespace {

std::size_t count_wanted(RunText text) noexcept {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](const BatchItem& item) { return item.want_logits; }));
}

KvCache::Shape one_layer(const ModelTraits& t, const RunOptions& options) {
  return {1, t.n_head_kv, t.head_dim, options.n_cells, options.k_format, options.v_format};
}

}  // namespace

struct LayerByLayer::Engine {
  Engine(const RunModel& run_model, const KernelTable& kernels, ThreadPool& pool,
         const RunOptions& options)
      : of(run_model),
        model(of.model),
        traits(model.traits()),
        cache(one_layer(traits, options)),
        cells(options.n_batch),
        scratch(model.scratch_bytes(
            kernels, pool.size(), std::max(options.n_batch, options.max_logits), options.n_cells)),
        logits(options.max_logits * traits.n_vocab * sizeof(float)),
        stream(of.weights(), of.files),
        ctx{kernels, pool, scratch, of.weights(), MatmulPath::kPanel} {
    check_overlay(model, of.weights());
    cache.reserve(options.n_batch);
  }

  void set_range(LayerRange layers) {
    layers = checked_range(layers, traits.n_layer);
    to_head = reaches_head(layers, traits.n_layer);
    until = layers.until;
    since = layers.since;
    first = layers.first;
    last = layers.end - 1;
    runs.clear();
    for (int i = layers.first; i < layers.end; ++i) {
      const std::vector<int>& skipped = of.skipped_layers;
      if (std::find(skipped.begin(), skipped.end(), i) == skipped.end()) runs.push_back(i);
    }
  }

  int n_layer() const noexcept { return static_cast<int>(traits.n_layer); }
  // Asks for the weights of the n-th layer that is run, or the head's after the last.
  void read_ahead(std::size_t n) {
    if (n < runs.size()) {
      stream.read_ahead(runs[n]);
    } else if (to_head) {
      stream.read_ahead(n_layer());
    }
  }
  MatrixView<float> logit_rows(std::size_t n) noexcept {
    return {logits.as<float>().data(), n, traits.n_vocab};
  }

  const RunModel& of;
  const Model& model;
  const ModelTraits& traits;
  std::vector<int> runs;            // the layers of the part that are not skipped
  bool to_head = true;              // the part goes on through the output head
  int first = 0, last = 0;          // layers of the part
  std::optional<TensorRole> since;  // where it begins in the first
  std::optional<TensorRole> until;  // how far it goes in the last
  KvCache cache;                    // of the layer that is being run
  std::vector<std::int32_t> cells;
  Arena scratch;
  AlignedBuffer logits;  // [max_logits, n_vocab]
  WeightStream stream;
  ExecContext ctx;
};

struct LayerByLayer::Group {
  Group(std::span<const RunText> all, std::size_t begin, std::size_t end, std::size_t item)
      : first(begin), n_all(all.size()), first_item(item), texts(all.subspan(begin, end - begin)) {
    for (const RunText text : texts) {
      item_of.push_back(item_of.back() + text.size());
      row_of.push_back(row_of.back() + count_wanted(text));
    }
  }
  std::size_t n_items() const noexcept { return item_of.back(); }
  std::size_t n_rows() const noexcept { return row_of.back(); }
  MatrixView<float> hidden_of(std::size_t text) const noexcept {
    return hidden.slice(item_of[text], texts[text].size());
  }

  std::size_t first, n_all;  // of the texts in the run
  std::size_t first_item;    // of the items in the run
  std::span<const RunText> texts;
  std::vector<std::size_t> item_of{0}, row_of{0};    // where each text starts; and the ends
  MatrixView<float> hidden;                          // [n_items, n_embd] of the model at work
  const HiddenStore* input = nullptr;                // of the product that the part begins with
  std::vector<std::unique_ptr<HiddenStore>> wanted;  // by model: [n_rows, n_embd], last layer's
};

// Work is counted in rows times the bytes of weights that they meet.
class LayerByLayer::Meter {
 public:
  Meter(std::span<const RunText> texts, const LayerByLayer& runner, const RunCallbacks& callbacks)
      : callbacks_(callbacks) {
    std::size_t n_items = 0, n_rows = 0;
    for (const RunText text : texts) {
      n_items += text.size();
      n_rows += count_wanted(text);
    }
    for (const auto& engine : runner.engines_) {
      for (const int layer : engine->runs) add(n_items, *engine, layer, total_);
      if (engine->to_head) add(n_rows, *engine, engine->n_layer(), total_);
    }
  }

  void step(std::size_t n, const Engine& engine, int layer, const Group& group) {
    add(n, engine, layer, done_);
    if (!callbacks_.progress) return;
    const std::string where = layer == engine.n_layer()
                                  ? "output head"
                                  : fmt::format("layer {} of {}", layer + 1, engine.n_layer());
    const std::string texts = group.texts.size() == group.n_all
                                  ? ""
                                  : fmt::format(", texts {} to {} of {}", group.first + 1,
                                                group.first + group.texts.size(), group.n_all);
    report(where + texts);
  }

  void report(const std::string& step) {
    if (!callbacks_.progress) return;
    if (!callbacks_.progress(total_ > 0 ? done_ / total_ : 1.0, step)) throw failed("stopped");
  }

 private:
  static void add(std::size_t n, const Engine& engine, int layer, double& sum) {
    sum += static_cast<double>(n) * static_cast<double>(engine.stream.bytes(layer));
  }

  const RunCallbacks& callbacks_;
  double total_ = 0.0, done_ = 0.0;
};

LayerByLayer::LayerByLayer(std::vector<RunModel> models, const KernelTable& kernels,
                           ThreadPool& pool, const RunOptions& options)
    : ForwardRunner(std::move(models), options), kernels_(kernels), pool_(pool) {
  options_.n_batch = std::min(options_.n_batch, options_.n_cells);
  for (const RunModel& m : models_) {
    engines_.push_back(std::make_unique<Engine>(m, kernels_, pool_, options_));
  }
}

LayerByLayer::~LayerByLayer() = default;

std::size_t LayerByLayer::group_end(std::span<const RunText> texts,
                                    std::size_t first) const noexcept {
  std::size_t width = 0, kept_width = 0;  // floats an item, and a wanted row, take
  for (const auto& engine : engines_) {
    width = std::max(width, engine->traits.n_embd);
    kept_width += engine->traits.n_embd;
  }
  std::size_t end = first, n_floats = 0, n_items = 0;
  while (end < texts.size()) {
    n_floats += texts[end].size() * width + count_wanted(texts[end]) * kept_width;
    n_items += texts[end].size();
    const bool full =
        n_floats * sizeof(float) > options_.hidden_bytes || n_items > options_.group_items;
    if (end > first && full) break;
    ++end;
  }
  return end;
}

void LayerByLayer::run_part(std::span<const RunText> texts, const RunPart& part,
                            const RunCallbacks& callbacks) {
  check_part(texts, part);
  for (const RunText text : texts) {
    if (text.size() <= options_.n_cells) continue;
    throw usage_error(fmt::format("a text of {} tokens is longer than the context of {}",
                                  text.size(), options_.n_cells));
  }
  for (std::size_t m = 0; m < engines_.size(); ++m) {
    engines_[m]->ctx.observer = callbacks.observer(m);
    engines_[m]->set_range(part.layers);
  }
  Meter meter(texts, *this, callbacks);
  // Where all hidden states are kept and no logits asked for, nothing is gained by groups.
  const bool at_once = !part.to.empty() && !engines_.front()->to_head;
  for (std::size_t first = 0, end = 0, item = 0; first < texts.size(); first = end) {
    end = at_once ? texts.size() : group_end(texts, first);
    Group group(texts, first, end, item);
    run_group(group, part, callbacks, meter);
    item += group.n_items();
    if (callbacks.done) callbacks.done(end);
    meter.report("");
  }
}

void LayerByLayer::run_group(Group& group, const RunPart& part, const RunCallbacks& callbacks,
                             Meter& meter) {
  for (std::size_t m = 0; m < engines_.size(); ++m) {
    Engine& engine = *engines_[m];
    engine.read_ahead(0);
    std::unique_ptr<HiddenStore> own;
    if (part.to.empty()) {
      own = std::make_unique<HiddenStore>(group.n_items(), engine.traits.n_embd,
                                          options_.spill_folder);
      group.hidden = own->rows(0, group.n_items());
    } else {
      group.hidden = part.to[m]->rows(group.first_item, group.n_items());
    }
    enter(engine, group, part.layers.takes_up_hidden() ? part.from[m] : nullptr);
    group.input = part.input;
    run_layers(engine, group, meter);
    if (engine.to_head) keep_wanted(engine, group);
  }
  if (engines_.front()->to_head) run_heads(group, callbacks, meter);
}

// What enters the first layer: the embeddings, or what an earlier part left (`from` not null).
void LayerByLayer::enter(Engine& engine, Group& group, const HiddenStore* from) {
  for (std::size_t t = 0; t < group.texts.size(); ++t) {
    engine.cache.clear();
    check_batch(group.texts[t], engine.traits.n_vocab, engine.cache);
    if (from == nullptr) engine.model.embed(engine.ctx, group.texts[t], group.hidden_of(t));
  }
  if (from == nullptr) return;
  const MatrixView<const float> kept = from->rows(group.first_item, group.n_items());
  if (kept.data != group.hidden.data) {
    std::copy_n(kept.data, kept.rows * kept.cols, group.hidden.data);
  }
}

void LayerByLayer::run_layers(Engine& engine, Group& group, Meter& meter) {
  for (std::size_t n = 0; n < engine.runs.size(); ++n) {
    engine.read_ahead(n + 1);
    run_layer(engine, group, engine.runs[n], meter);
    if (options_.drop_weights) engine.stream.drop(engine.runs[n]);
  }
}

// The rows that want logits, for the head: the others are done with.
void LayerByLayer::keep_wanted(Engine& engine, Group& group) {
  group.wanted.push_back(
      std::make_unique<HiddenStore>(group.n_rows(), engine.traits.n_embd, options_.spill_folder));
  std::size_t row = 0;
  for (std::size_t t = 0; t < group.texts.size(); ++t) {
    for (std::size_t i = 0; i < group.texts[t].size(); ++i) {
      if (!group.texts[t][i].want_logits) continue;
      std::copy_n(group.hidden_of(t).row(i), engine.traits.n_embd,
                  group.wanted.back()->rows(row++, 1).data);
    }
  }
}

void LayerByLayer::run_layer(Engine& engine, Group& group, int layer, Meter& meter) {
  for (std::size_t t = 0; t < group.texts.size(); ++t) {
    if (engine.ctx.observer != nullptr) engine.ctx.observer->on_text(group.first + t);
    run_text(engine, group, t, layer);
    meter.step(group.texts[t].size(), engine, layer, group);
  }
}

// The cells that items get are the same in every layer: each starts with an empty cache.
void LayerByLayer::run_text(Engine& engine, const Group& group, std::size_t t, int layer) {
  const RunText text = group.texts[t];
  Observer* const observer = engine.ctx.observer;
  engine.cache.clear();
  for (std::size_t first = 0; first < text.size(); first += options_.n_batch) {
    const Batch batch = text.subspan(first, std::min(options_.n_batch, text.size() - first));
    const MatrixView<float> rows = group.hidden_of(t).slice(first, batch.size());
    PassView pass{batch, engine.cells.data(), {}};
    if (!engine.cache.place(batch, engine.cells, &pass.attention)) {
      throw failed("the cache has no room for a text");
    }
    engine.ctx.since = layer == engine.first ? engine.since : std::nullopt;
    if (engine.ctx.since) {
      const std::size_t item = group.first_item + group.item_of[t] + first;
      engine.ctx.input = group.input->rows(item, batch.size());
    }
    engine.ctx.until = layer == engine.last ? engine.until : std::nullopt;
    engine.ctx.ended = false;
    if (observer != nullptr) observer->on_layer_input(layer, rows);
    engine.model.layer(engine.ctx, layer, pass, engine.cache, rows);
    if (observer != nullptr && !engine.ctx.ended) observer->on_layer_output(layer, rows);
  }
}

// Slices of rows run through the heads of all models and are handed out text by text. Observers
// want to know whose rows they see: with one, a slice ends where its text does.
void LayerByLayer::run_heads(Group& group, const RunCallbacks& callbacks, Meter& meter) {
  const bool by_text = std::any_of(engines_.begin(), engines_.end(),
                                   [](const auto& e) { return e->ctx.observer != nullptr; });
  const bool with_logits = callbacks.logits && !engines_.front()->until;
  std::vector<MatrixView<const float>> slice(engines_.size()), part(engines_.size());
  std::size_t t = 0;
  for (std::size_t row = 0, end = 0; row < group.n_rows(); row = end) {
    while (group.row_of[t + 1] <= row) ++t;
    end = std::min(row + options_.max_logits, by_text ? group.row_of[t + 1] : group.n_rows());
    for (std::size_t m = 0; m < engines_.size(); ++m) {
      Engine& engine = *engines_[m];
      const bool text_begins = row == group.row_of[t];
      if (engine.ctx.observer != nullptr && text_begins) {
        engine.ctx.observer->on_text(group.first + t);
      }
      engine.ctx.until = engine.until;
      engine.ctx.ended = false;
      engine.model.head(engine.ctx, group.wanted[m]->rows(row, end - row),
                        engine.logit_rows(end - row));
      slice[m] = engine.logit_rows(end - row);
    }
    for (std::size_t begin = row; begin < end && with_logits;) {
      while (group.row_of[t + 1] <= begin) ++t;
      const std::size_t n = std::min(end, group.row_of[t + 1]) - begin;
      for (std::size_t m = 0; m < slice.size(); ++m) {
        part[m] = {slice[m].row(begin - row), n, slice[m].cols};
      }
      callbacks.logits(group.first + t, begin - group.row_of[t], part);
      begin += n;
    }
    for (const auto& engine : engines_) meter.step(end - row, *engine, engine->n_layer(), group);
  }
  for (const auto& engine : engines_) {
    if (options_.drop_weights) engine->stream.drop(engine->n_layer());
  }
}

}  // namespace lathe
