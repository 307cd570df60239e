#include "quant/heal/heal_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "quant/eval/chunk_texts.h"
#include "quant/heal/input_fit.h"
#include "quant/heal/layer_blocks.h"
#include "quant/heal/unit_pool.h"
#include "runtime/base/error.h"
#include "runtime/forward/capture.h"

namespace lathe {
namespace {

using Store = std::unique_ptr<HiddenStore>;

constexpr std::size_t kLeastTokensPerColumn = 2;
constexpr std::size_t kLeastHeldOut = 2;  // chunks
constexpr int kNormSteps = 2;

// Runs of single layers of the original and of the student, and how far they are.
class LayerRuns {
 public:
  LayerRuns(const HealContext& context, const Student& student, const TextChunks& text,
            const HealOptions& options, const HealProgress& progress)
      : texts_(text, 0, text.n_ctx()),
        rows_{text.n_chunks(), text.n_ctx(), options.held_out_every},
        spill_folder_(options.spill_folder),
        progress_(progress) {
    RunModel model = context.model;
    model.overlay = nullptr;
    model.skipped_layers.clear();
    teacher_ = context.open_runner(model);
    model.overlay = &student.weights();
    model.name = "the healed model";
    student_ = context.open_runner(model);
  }

  const CalibrationRows& rows() const noexcept { return rows_; }
  std::span<const RunText> texts() const noexcept { return texts_.texts(); }
  Store store(std::size_t width) const {
    return std::make_unique<HiddenStore>(rows_.n_rows(), width, spill_folder_);
  }
  void expect(std::size_t n_runs) noexcept { n_runs_ = n_runs; }
  void now(std::string step) { step_ = std::move(step); }

  void run_teacher(LayerRange layers, const HiddenStore* from, HiddenStore* to,
                   Observer* observer = nullptr) {
    run(*teacher_, layers, from, to, observer);
  }
  void run_student(LayerRange layers, const HiddenStore* from, HiddenStore* to,
                   Observer* observer = nullptr) {
    run(*student_, layers, from, to, observer);
  }

 private:
  void run(ForwardRunner& runner, LayerRange layers, const HiddenStore* from, HiddenStore* to,
           Observer* observer) {
    const HiddenStore* const from_list[] = {from};
    HiddenStore* const to_list[] = {to};
    Observer* const observers[] = {observer};
    RunPart part{.layers = layers};
    if (layers.first > 0) part.from = from_list;
    if (to != nullptr) part.to = to_list;
    RunCallbacks callbacks;
    callbacks.progress = [&](double fraction, std::string_view) { return go_on(fraction); };
    if (observer != nullptr) callbacks.observers = observers;
    runner.run_part(texts_.texts(), part, callbacks);
    ++n_done_;
  }

  bool go_on(double fraction) const {
    if (!progress_) return true;
    const double all = static_cast<double>(std::max<std::size_t>(1, n_runs_));
    return progress_(std::min(1.0, (static_cast<double>(n_done_) + fraction) / all), step_);
  }

  const ChunkTexts texts_;
  const CalibrationRows rows_;
  const std::string spill_folder_;
  const HealProgress& progress_;
  std::unique_ptr<ForwardRunner> teacher_, student_;
  std::size_t n_done_ = 0, n_runs_ = 1;
  std::string step_;
};

// What the original does in the layers that one remaining layer stands for.
struct BlockTargets {
  Store middle;                                // of the residual stream: [n_rows, n_embd]
  std::vector<Store> attention, feed_forward;  // what enters the halves of each layer
};

class Healing {
 public:
  Healing(const HealContext& context, const TextChunks& text, const std::vector<int>& pruned,
          const HealOptions& options, const HealProgress& progress)
      : pool_(context.pool),
        options_(options),
        files_(context.files),
        student_(context.model.model, context.kernels, context.pool),
        runs_(context, student_, text, options, progress),
        blocks_(layer_blocks(static_cast<int>(context.model.model.traits().n_layer), pruned)) {
    n_embd_ = context.model.model.traits().n_embd;
  }

  HealResult run() {
    const auto changed = std::find_if(blocks_.begin(), blocks_.end(),
                                      [](const LayerBlock& b) { return b.n_layers() > 1; });
    const auto first = take_up(changed);
    if (first != blocks_.end()) {
      begin_at(changed, first);
      for (auto b = first; b != blocks_.end(); ++b) {
        heal(*b);
        keep(*b);
      }
    }
    result_.tensors = student_.take_replaced();
    runs_.rows().for_tiles(RowPart::kFitted,
                           [&](std::size_t, std::size_t n) { result_.n_fitted += n; });
    result_.n_held_out = runs_.rows().n_rows() - result_.n_fitted;
    return std::move(result_);
  }

 private:
  using Block = std::vector<LayerBlock>::const_iterator;

  // The first block from `changed` on that was not healed yet.
  Block take_up(Block changed) {
    for (; files_ != nullptr && changed != blocks_.end(); ++changed) {
      std::optional<HealedFiles::Layer> kept = files_->take_up(changed->slot);
      if (!kept) break;
      ++result_.n_taken_up;
      student_.take_up(std::move(kept->tensors));
      for (HealedHalf& half : kept->halves) result_.halves.push_back(std::move(half));
    }
    return changed;
  }

  void keep(const LayerBlock& block) const {
    if (files_ == nullptr) return;
    const auto& halves = result_.halves;
    const auto of_block = std::find_if(halves.begin(), halves.end(), [&](const HealedHalf& half) {
      return half.layer == block.slot;
    });
    files_->write(block.slot, {of_block, halves.end()}, student_.replaced());
  }

  // Runs both models to the block `first`; nothing differs before `changed`.
  void begin_at(Block changed, Block first) {
    std::size_t n_runs = 1 + (first == changed ? 0 : 1);
    for (auto b = changed; b != first; ++b) ++n_runs;
    for (auto b = first; b != blocks_.end(); ++b) n_runs += n_runs_of(*b);
    runs_.expect(n_runs);
    runs_.now("the original");
    teacher_ = runs_.store(n_embd_);
    runs_.run_teacher({0, changed->first}, nullptr, teacher_.get());
    stream_ = runs_.store(n_embd_);
    std::copy_n(teacher_->rows(0, 1).data, teacher_->n_rows() * n_embd_, stream_->rows(0, 1).data);
    if (first == changed) return;
    Store next = runs_.store(n_embd_);
    runs_.run_teacher({changed->first, first->first}, teacher_.get(), next.get());
    teacher_ = std::move(next);
    runs_.now("what is healed already");
    for (auto b = changed; b != first; ++b) advance(*b);
  }

  bool fits_inputs(const LayerBlock& block) const noexcept {
    return options_.fit_inputs || (options_.pool_units && block.n_layers() > 1);
  }

  std::size_t n_runs_of(const LayerBlock& block) const noexcept {
    const auto n = static_cast<std::size_t>(block.n_layers());
    const bool pools = options_.pool_units && n > 1;
    const std::size_t half = 1 + (pools ? n : 0) + (fits_inputs(block) ? 1 : 0);
    return n + 2 * half + 1;
  }

  void heal(const LayerBlock& block) {
    const Model& model = student_.model();
    const StageRoles attention = attention_stage(model, block.slot);
    const StageRoles feed_forward = feed_forward_stage(model, block.slot);
    const BlockTargets targets = teach(block, attention, feed_forward);
    runs_.now(fmt::format("layer {}: attention", block.slot));
    heal_half(block, attention, targets.attention, *stream_, *targets.middle, nullptr);
    runs_.now(fmt::format("layer {}: feed-forward", block.slot));
    const Store middle = runs_.store(n_embd_);
    heal_half(block, feed_forward, targets.feed_forward, *middle, *teacher_, middle.get());
    advance(block);
  }

  // The original through the layers of the block, to teacher_. In the middle: its first hidden
  // states and all that attention adds.
  BlockTargets teach(const LayerBlock& block, const StageRoles& attention,
                     const StageRoles& feed_forward) {
    BlockTargets out{runs_.store(n_embd_), {}, {}};
    for (int layer = block.first; layer < block.end; ++layer) {
      runs_.now(fmt::format("layer {} of the original", layer));
      const Store middle = runs_.store(n_embd_);
      Store next = runs_.store(n_embd_);
      Capture capture(runs_.texts());
      capture.keep_middle(*middle);
      if (fits_inputs(block)) {
        capture.keep_input(attention.entry, *out.attention.emplace_back(runs_.store(n_embd_)));
        capture.keep_input(feed_forward.entry,
                           *out.feed_forward.emplace_back(runs_.store(n_embd_)));
      }
      runs_.run_teacher({layer, layer + 1}, teacher_.get(), next.get(), &capture);
      add_attention(layer == block.first, *middle, *out.middle);
      teacher_ = std::move(next);
    }
    return out;
  }

  // sum = H_first + (M_first - H_first) + (M_j - H_j) + ..., with H in teacher_.
  void add_attention(bool is_first, const HiddenStore& middle, HiddenStore& sum) const noexcept {
    const float* const m = middle.rows(0, 1).data;
    const float* const h = teacher_->rows(0, 1).data;
    float* const to = sum.rows(0, 1).data;
    pool_.for_ranges(sum.n_rows() * n_embd_, 4096, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) to[i] = is_first ? m[i] : to[i] + m[i] - h[i];
    });
  }

  // `before`: the residual stream that the half adds to; where it is not known yet (`middle`), the
  // first run leaves it there.
  void heal_half(const LayerBlock& block, const StageRoles& roles,
                 const std::vector<Store>& teacher_inputs, const HiddenStore& before,
                 const HiddenStore& target, HiddenStore* middle) {
    const Store entry = runs_.store(n_embd_);
    Store features = run_half(block, roles, entry.get(), middle);
    const OutputWeights old = student_.output_of(roles, block.slot);
    HealedHalf half{.layer = block.slot, .output = roles.output};
    const double before_error =
        held_out_error(task(block, roles, *features, before, target), old, half.error_before);
    OutputWeights start = student_.output_of(roles, block.slot);
    if (!teacher_inputs.empty()) {
      set_inputs(block, roles, *entry, teacher_inputs, before, target, half, start);
      features.reset();
      features = run_half(block, roles, nullptr, nullptr);
    }
    const OutputTask now = task(block, roles, *features, before, target);
    student_.set_output(roles, block.slot,
                        fit_output(pool_, now, start, options_.ridge, kNormSteps));
    const double after_error =
        held_out_error(now, student_.output_of(roles, block.slot), half.error_after);
    if (!(after_error < before_error)) give_up(block, roles, half);
    if (half.n_units > 0) half.column_squares = column_squares(*features);
    result_.halves.push_back(half);
  }

  // New matrices before the output: of the units that were elected, or of the layer alone.
  void set_inputs(const LayerBlock& block, const StageRoles& roles, const HiddenStore& entry,
                  const std::vector<Store>& teacher_inputs, const HiddenStore& before,
                  const HiddenStore& target, HealedHalf& half, OutputWeights& start) {
    std::vector<PoolCandidate> candidates;
    for (int layer = block.first; layer < block.end; ++layer) {
      const auto i = static_cast<std::size_t>(layer - block.first);
      const bool own = layer == block.slot;
      if (!own && (!options_.pool_units || !same_shapes(roles, layer, block.slot))) continue;
      const InputTask inputs{runs_.rows(), entry, *teacher_inputs[i], options_.ridge};
      candidates.push_back({layer, fitted_inputs(pool_, student_, roles, layer, block.slot, inputs),
                            original_output(roles, layer), nullptr});
    }
    if (candidates.size() == 1 || !can_pool(roles, candidates.front().inputs)) {
      const auto own = std::find_if(candidates.begin(), candidates.end(),
                                    [&](const auto& c) { return c.layer == block.slot; });
      return put(own->inputs);
    }
    for (PoolCandidate& candidate : candidates) {
      put(candidate.inputs);
      candidate.features = run_half(block, roles, nullptr, nullptr);
    }
    const OutputTask pooled = task(block, roles, *candidates.front().features, before, target);
    PooledUnits units = pool_units(pool_, roles, candidates, pooled, start.gain, options_.ridge);
    put(units.inputs);
    start = std::move(units.start);
    half.n_units = roles.n_units;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (candidates[i].layer != block.slot) half.n_from_pruned += units.by_layer[i];
    }
  }

  void put(const std::vector<TensorValues>& tensors) {
    for (const TensorValues& t : tensors) student_.replace(t.id, t.values.cview());
  }

  void give_up(const LayerBlock& block, const StageRoles& roles, HealedHalf& half) {
    for (const TensorId id : input_tensors(roles, student_.model().weights(), block.slot)) {
      student_.restore(id);
    }
    student_.restore({roles.output, block.slot});
    student_.restore({roles.post_norm, block.slot});
    half.kept_old = true;
    half.n_units = half.n_from_pruned = 0;
  }

  bool same_shapes(const StageRoles& roles, int a, int b) const {
    const WeightSet& weights = student_.model().weights();
    std::vector<TensorId> ids = input_tensors(roles, weights, b);
    ids.push_back({roles.output, b});
    return std::all_of(ids.begin(), ids.end(), [&](TensorId id) {
      const WeightView& x = weights.get(id.role, a, id.part);
      const WeightView& y = weights.get(id.role, b, id.part);
      return x && x.rows == y.rows && x.cols == y.cols;
    });
  }

  OutputWeights original_output(const StageRoles& roles, int layer) const {
    return {student_.original_values({roles.output, layer}), {}};
  }

  // The student's half up to its output: what enters that, and on the way what enters the half.
  Store run_half(const LayerBlock& block, const StageRoles& roles, HiddenStore* entry,
                 HiddenStore* middle) {
    Store features = runs_.store(student_.weights().get(roles.output, block.slot).cols);
    Capture capture(runs_.texts());
    capture.keep_input(roles.output, *features);
    if (entry != nullptr) capture.keep_input(roles.entry, *entry);
    if (middle != nullptr) capture.keep_middle(*middle);
    runs_.run_student({block.slot, block.slot + 1, roles.output}, stream_.get(), nullptr, &capture);
    return features;
  }

  OutputTask task(const LayerBlock& block, const StageRoles& roles, const HiddenStore& features,
                  const HiddenStore& before, const HiddenStore& target) const {
    return {runs_.rows(),
            features,
            before,
            target,
            student_.bias_of(roles, block.slot),
            static_cast<bool>(student_.weights().get(roles.post_norm, block.slot)),
            options_.norm_epsilon};
  }

  double held_out_error(const OutputTask& task, const OutputWeights& weights, double& relative) {
    const OutputError error = output_error(pool_, task, weights, RowPart::kHeldOut);
    relative = error.relative();
    return error.squared;
  }

  std::vector<float> column_squares(const HiddenStore& features) const {
    std::vector<double> sums(features.n_embd());
    runs_.rows().for_tiles(RowPart::kFitted, [&](std::size_t first, std::size_t n) {
      const MatrixView<float> f = features.rows(first, n);
      for (std::size_t r = 0; r < n; ++r) {
        for (std::size_t c = 0; c < f.cols; ++c) {
          sums[c] += static_cast<double>(f.row(r)[c]) * f.row(r)[c];
        }
      }
    });
    return {sums.begin(), sums.end()};
  }

  void advance(const LayerBlock& block) {
    Store next = runs_.store(n_embd_);
    runs_.run_student({block.slot, block.slot + 1}, stream_.get(), next.get());
    stream_ = std::move(next);
  }

  ThreadPool& pool_;
  const HealOptions& options_;
  HealedFiles* const files_;
  Student student_;
  LayerRuns runs_;
  const std::vector<LayerBlock> blocks_;
  std::size_t n_embd_ = 0;
  Store teacher_, stream_;  // the original's residual stream and the student's, before a block
  HealResult result_;
};

void check_pruned(const std::vector<int>& pruned, std::size_t n_layer) {
  if (pruned.empty()) throw usage_error("healing is for pruned models: no layer is pruned");
  if (pruned.front() < 0 || pruned.back() >= static_cast<int>(n_layer)) {
    throw usage_error(fmt::format("there is no layer {} to prune; the model has layers 0 to {}",
                                  pruned.front() < 0 ? pruned.front() : pruned.back(),
                                  n_layer - 1));
  }
  if (pruned.size() == n_layer) throw usage_error(fmt::format("all {} layers are pruned", n_layer));
}

}  // namespace

std::size_t tokens_to_heal(const Model& model, const std::vector<int>& pruned,
                           const HealOptions& options) {
  std::size_t widest = 0;
  for (const LayerBlock& block : layer_blocks(static_cast<int>(model.traits().n_layer), pruned)) {
    const auto n = static_cast<std::size_t>(block.n_layers());
    const std::size_t width = model.weights().get(TensorRole::kFfnDown, block.slot).cols;
    widest = std::max(widest, options.pool_units ? n * width : width);
  }
  return kLeastTokensPerColumn * widest;
}

HealResult heal_pruned(const HealContext& context, const TextChunks& text,
                       const std::vector<int>& pruned, const HealOptions& options,
                       const HealProgress& progress) {
  const Model& model = context.model.model;
  check_pruned(pruned, model.traits().n_layer);
  const std::size_t enough = tokens_to_heal(model, pruned, options);
  const std::size_t enough_chunks = kLeastHeldOut * options.held_out_every;
  if (text.n_tokens() < enough || text.n_chunks() < enough_chunks) {
    throw usage_error(fmt::format(
        "the calibration text has {} tokens in {} chunks: healing wants at least {} in {}, and "
        "ten times as many are better",
        text.n_tokens(), text.n_chunks(), enough, enough_chunks));
  }
  return Healing(context, text, pruned, options, progress).run();
}

}  // namespace lathe
