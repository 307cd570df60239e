#include "runtime/session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/batch_check.h"
#include "runtime/overlay.h"

namespace lathe {
namespace {

KvCache::Shape cache_shape(const ModelTraits& traits, const SessionOptions& options) {
  return {traits.n_layer, traits.n_head_kv, traits.head_dim,
          options.n_ctx,  options.k_format, options.v_format};
}

const SessionOptions& checked(const SessionOptions& options) {
  if (options.n_ctx == 0) throw usage_error("a context of 0 tokens");
  if (options.n_batch == 0) throw usage_error("a batch of 0 tokens");
  return options;
}

}  // namespace

struct Session::State {
  State(const Model& m, const KernelTable& k, ThreadPool& p, const SessionOptions& o)
      : model(m), kernels(k), pool(p), options(checked(o)), cache(cache_shape(m.traits(), o)) {
    options.n_batch = std::min(options.n_batch, options.n_ctx);
    options.max_logits = std::min(options.max_logits, options.n_batch);
    weights = options.weights != nullptr ? options.weights : &model.weights();
    check_overlay(model, *weights);
    const std::size_t n_embd = model.traits().n_embd;
    cache.reserve(options.n_batch);
    cells.resize(options.n_batch);
    skipped.assign(model.traits().n_layer, false);
    hidden = AlignedBuffer(options.n_batch * n_embd * sizeof(float));
    wanted = AlignedBuffer(options.max_logits * n_embd * sizeof(float));
    logits = AlignedBuffer(options.max_logits * model.traits().n_vocab * sizeof(float));
    scratch = Arena(model.scratch_bytes(kernels, pool.size(), options.n_batch, options.n_ctx));
  }

  void check(Batch batch, LayerRange layers, MatrixView<const float> from) const;
  bool place(Batch batch, LayerRange layers, PassView* pass);
  void run(const PassView& pass, MatmulPath path, LayerRange layers, MatrixView<const float> from,
           MatrixView<const float> input);
  void run_head(ExecContext& ctx, Batch batch, MatrixView<const float> rows) noexcept;

  const Model& model;
  const KernelTable kernels;
  ThreadPool& pool;
  SessionOptions options;
  KvCache cache;
  const WeightSet* weights = nullptr;
  Observer* observer = nullptr;
  std::function<void()> layer_hook;
  std::vector<std::int32_t> cells;
  std::vector<bool> skipped;  // layers
  AlignedBuffer hidden;       // [n_batch, n_embd]
  AlignedBuffer wanted;       // [max_logits, n_embd]
  AlignedBuffer logits;       // [max_logits, n_vocab]
  std::size_t n_hidden = 0;   // rows of the last decode
  std::size_t n_logits = 0;
  Arena scratch;
};

void Session::State::check(Batch batch, LayerRange layers, MatrixView<const float> from) const {
  if (batch.size() > options.n_batch) {
    throw usage_error("a batch of " + std::to_string(batch.size()) +
                      " tokens in a session made for " + std::to_string(options.n_batch));
  }
  const auto n_wanted = static_cast<std::size_t>(std::count_if(
      batch.begin(), batch.end(), [](const BatchItem& item) { return item.want_logits; }));
  const ModelTraits& traits = model.traits();
  if (reaches_head(layers, traits.n_layer) && n_wanted > options.max_logits) {
    throw usage_error(std::to_string(n_wanted) + " rows of logits asked of a session made for " +
                      std::to_string(options.max_logits));
  }
  if (layers.takes_up_hidden() && (from.rows != batch.size() || from.cols != traits.n_embd)) {
    throw usage_error("hidden states [" + std::to_string(from.rows) + ", " +
                      std::to_string(from.cols) + "] for " + std::to_string(batch.size()) +
                      " tokens of " + std::to_string(traits.n_embd));
  }
}

// Gives the items cells, their old ones when an earlier part of their pass ran here. False without
// room for new ones.
bool Session::State::place(Batch batch, LayerRange layers, PassView* pass) {
  *pass = {batch, cells.data(), {}};
  if (layers.takes_up_hidden() && cache.find(batch, cells, &pass->attention)) return true;
  check_batch(batch, model.traits().n_vocab, cache);
  return cache.place(batch, cells, &pass->attention);
}

void Session::State::run(const PassView& pass, MatmulPath path, LayerRange layers,
                         MatrixView<const float> from, MatrixView<const float> input) {
  ExecContext ctx{kernels, pool, scratch, *weights, path, observer};
  const ModelTraits& traits = model.traits();
  const MatrixView<float> rows(hidden.as<float>().data(), pass.items.size(), traits.n_embd);
  ctx.input = input;
  if (!layers.takes_up_hidden()) {
    model.embed(ctx, pass.items, rows);
  } else if (from.data != rows.data) {
    for (std::size_t i = 0; i < from.rows; ++i) {
      std::copy_n(from.row(i), traits.n_embd, rows.row(i));
    }
  }
  for (int layer = layers.first; layer < layers.end; ++layer) {
    ctx.since = layer == layers.first ? layers.since : std::nullopt;
    if (layer + 1 == layers.end) ctx.until = layers.until;
    if (observer != nullptr) observer->on_layer_input(layer, rows);
    if (!skipped[static_cast<std::size_t>(layer)]) model.layer(ctx, layer, pass, cache, rows);
    if (observer != nullptr && !ctx.ended) observer->on_layer_output(layer, rows);
    if (layer_hook) layer_hook();
  }
  ctx.until = layers.until;
  if (reaches_head(layers, traits.n_layer)) run_head(ctx, pass.items, rows);
}

void Session::State::run_head(ExecContext& ctx, Batch batch,
                              MatrixView<const float> rows) noexcept {
  const ModelTraits& traits = model.traits();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!batch[i].want_logits) continue;
    std::copy_n(rows.row(i), traits.n_embd, wanted.as<float>().data() + n_logits++ * traits.n_embd);
  }
  if (n_logits == 0) return;
  model.head(ctx, {wanted.as<float>().data(), n_logits, traits.n_embd},
             {logits.as<float>().data(), n_logits, traits.n_vocab});
}

Session::Session(const Model& model, const KernelTable& kernels, ThreadPool& pool,
                 const SessionOptions& options)
    : state_(std::make_unique<State>(model, kernels, pool, options)) {}

Session::~Session() = default;

const Model& Session::model() const noexcept { return state_->model; }
const SessionOptions& Session::options() const noexcept { return state_->options; }
KvCache& Session::cache() noexcept { return state_->cache; }
void Session::set_observer(Observer* observer) noexcept { state_->observer = observer; }
void Session::set_layer_hook(std::function<void()> hook) { state_->layer_hook = std::move(hook); }
void Session::set_weights(const WeightSet& weights) {
  check_overlay(state_->model, weights);
  state_->weights = &weights;
}

void Session::set_skipped_layers(std::span<const int> layers) {
  std::vector<bool> skipped(state_->skipped.size(), false);
  for (const int layer : layers) {
    if (layer < 0 || static_cast<std::size_t>(layer) >= skipped.size()) {
      throw usage_error("no layer " + std::to_string(layer) + " to skip in a model of " +
                        std::to_string(skipped.size()));
    }
    skipped[static_cast<std::size_t>(layer)] = true;
  }
  state_->skipped = std::move(skipped);
}

bool Session::decode(Batch batch, MatmulPath path) { return decode_layers(batch, path, {}); }

bool Session::decode_layers(Batch batch, MatmulPath path, LayerRange layers,
                            MatrixView<const float> from, MatrixView<const float> input) {
  State& s = *state_;
  layers = checked_range(layers, s.model.traits().n_layer);
  s.check(batch, layers, from);
  PassView pass{};
  if (!s.place(batch, layers, &pass)) return false;
  s.n_hidden = batch.size();
  s.n_logits = 0;
  if (!batch.empty()) s.run(pass, path, layers, from, input);
  return true;
}

MatrixView<const float> Session::hidden() const noexcept {
  return {state_->hidden.as<float>().data(), state_->n_hidden, state_->model.traits().n_embd};
}

MatrixView<const float> Session::logits() const noexcept {
  return {state_->logits.as<float>().data(), state_->n_logits, state_->model.traits().n_vocab};
}

void Session::truncate(int seq, std::int32_t pos) noexcept { state_->cache.truncate(seq, pos); }
void Session::share_prefix(int from, int to, std::int32_t pos) noexcept {
  state_->cache.share_prefix(from, to, pos);
}
void Session::clear() noexcept { state_->cache.clear(); }

}  // namespace lathe
