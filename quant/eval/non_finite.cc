#include "quant/eval/non_finite.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "runtime/base/finite.h"
#include "runtime/decode_rows.h"
#include "runtime/tensor_role.h"

namespace lathe {
namespace {

class Tracer : public Observer {
 public:
  void on_layer_input(int layer, MatrixView<const float> hidden) noexcept override {
    if (layer == 0 && !found() && !all_finite(hidden)) embedding_ = true;
  }
  void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept override {
    if (!found() && !all_finite(input)) weight_ = weight;
  }
  void on_layer_output(int layer, MatrixView<const float> hidden) noexcept override {
    if (!all_finite(hidden)) layer_ = std::min(layer_.value_or(layer), layer);
  }

  bool embedding() const noexcept { return embedding_; }
  const std::optional<TensorId>& weight() const noexcept { return weight_; }
  // The first layer that takes in or gives out such a value; none: it is the head that does. A
  // layer may hide what its products took in.
  std::optional<int> layer() const noexcept {
    if (!weight_ || weight_->layer < 0) return layer_;
    return std::min(layer_.value_or(weight_->layer), weight_->layer);
  }

 private:
  bool found() const noexcept { return embedding_ || weight_ || layer_; }

  bool embedding_ = false;
  std::optional<TensorId> weight_;
  std::optional<int> layer_;
};

std::size_t count_bad(const WeightView& view, const KernelTable& kernels, ThreadPool& pool) {
  std::atomic<std::size_t> n_bad{0};
  RowDecoder(kernels, pool).for_groups(view, [&](const RowGroup& group) noexcept {
    const float* values = group.values.row(0);
    n_bad += static_cast<std::size_t>(std::count_if(values,
                                                    values + group.values.rows * group.values.cols,
                                                    [](float v) { return !std::isfinite(v); }));
  });
  return n_bad;
}

// "; blk.3.ffn_up.weight holds 2 values that are not finite" for the weights of a layer (-1: of
// the whole model).
std::string bad_weights(const RunModel& model, int layer, const EvalContext& context) {
  std::string out;
  for (std::size_t r = 0; r < kTensorRoleCount; ++r) {
    const auto role = static_cast<TensorRole>(r);
    if (role_is_per_layer(role) != (layer >= 0)) continue;
    for (const TensorPart part : {TensorPart::kWeight, TensorPart::kBias}) {
      const WeightView& view = model.weights().get(role, layer, part);
      const std::size_t n = view ? count_bad(view, context.kernels, context.pool) : 0;
      if (n == 0) continue;
      out += fmt::format("; {} holds {} value{} not finite", tensor_name({role, layer, part}), n,
                         n == 1 ? " that is" : "s that are");
    }
  }
  return out;
}

std::string in_words(const Tracer& tracer, const RunModel& model, const EvalContext& context) {
  if (tracer.embedding()) {
    return "the token embeddings are not" + bad_weights(model, -1, context);
  }
  std::string out;
  if (tracer.layer()) {
    out = fmt::format("layer {} is the first", *tracer.layer());
  } else {
    out = "all layers are, the output head is not";
  }
  if (tracer.weight()) {
    out += fmt::format(", and what enters {} the first such input", tensor_name(*tracer.weight()));
  }
  return out + bad_weights(model, tracer.layer().value_or(-1), context);
}

}  // namespace

void FiniteWatch::on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept {
  const bool seen = weight.role == TensorRole::kAttnK || weight.role == TensorRole::kAttnV ||
                    weight.role == TensorRole::kFfnUp;  // with the query, with the gate
  if (!seen) look_at(input);
}

void FiniteWatch::on_layer_output(int, MatrixView<const float> hidden) noexcept { look_at(hidden); }

void FiniteWatch::look_at(MatrixView<const float> rows) noexcept {
  if (first_) return;
  std::atomic<bool> finite{true};
  pool_->for_ranges(rows.rows, 16, [&](std::size_t begin, std::size_t end) noexcept {
    if (!all_finite(rows.slice(begin, end - begin))) finite = false;
  });
  if (!finite) first_ = text_;
}

std::string locate_non_finite(const EvalContext& context, std::size_t m, RunText text) {
  const RunModel& model = context.runner.models()[m];
  Tracer tracer;
  Observer* const observers[] = {&tracer};
  RunOptions options = context.runner.options();
  options.order = RunOrder::kByText;
  options.max_logits = std::min<std::size_t>(options.max_logits, 16);
  const RunText texts[] = {text};
  make_forward_runner({model}, context.kernels, context.pool, options)
      ->run(texts,
            {.logits = {}, .done = {}, .progress = {}, .within_text = {}, .observers = observers});
  return in_words(tracer, model, context);
}

std::string locate_non_finite(const RunModel& model, const KernelTable& kernels, ThreadPool& pool,
                              std::span<const Token> tokens, RunOptions options) {
  std::vector<BatchItem> items;
  for (const Token token : tokens) {
    items.push_back({.token = token,
                     .pos = static_cast<std::int32_t>(items.size()),
                     .want_logits = items.size() + 1 == tokens.size()});
  }
  options.n_cells = items.size();
  options.n_batch = std::min(options.n_batch, items.size());
  const auto runner = make_forward_runner({model}, kernels, pool, options);
  return locate_non_finite({*runner, kernels, pool}, 0, items);
}

}  // namespace lathe
