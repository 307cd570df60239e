#include "quant/imatrix/collect.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "quant/eval/chunk_texts.h"
#include "quant/eval/perplexity.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kColumnGrain = 64;       // columns of one thread: whole cache lines
constexpr std::size_t kMinElements = 1 << 18;  // per thread; less is not worth waking one up

std::size_t slot_of(TensorId id) noexcept {
  return static_cast<std::size_t>(id.layer + 1) * kTensorRoleCount +
         static_cast<std::size_t>(id.role);
}

// Adds columns [begin, end) and their squares, row after row. False when a sum is not finite.
bool add_columns(MatrixView<const float> input, std::size_t begin, std::size_t end, double* sum,
                 double* sum2) noexcept {
  for (std::size_t r = 0; r < input.rows; ++r) {
    const float* x = input.row(r);
    for (std::size_t c = begin; c < end; ++c) {
      const double v = x[c];
      sum[c] += v;
      sum2[c] += v * v;
    }
  }
  bool finite = true;
  for (std::size_t c = begin; c < end; ++c) finite = finite && std::isfinite(sum2[c]);
  return finite;
}

}  // namespace

ImatrixCollector::ImatrixCollector(const Model& model, ThreadPool& pool, bool process_output)
    : pool_(pool) {
  const int n_layer = static_cast<int>(model.traits().n_layer);
  slots_.assign((model.traits().n_layer + 1) * kTensorRoleCount, -1);
  const auto add = [&](TensorId id) {
    const WeightView& view = model.weights().get(id.role, id.layer);
    if (!view || view.rows < 2) return;  // absent, or a vector
    slots_[slot_of(id)] = static_cast<int>(sums_.size());
    const std::vector<double> zeros(view.cols, 0.0);
    sums_.push_back({id, {0, zeros, zeros}});
  };
  if (process_output) {
    const bool tied = !model.weights().get(TensorRole::kOutput, -1);
    add({tied ? TensorRole::kTokenEmbd : TensorRole::kOutput, -1});
  }
  for (int layer = 0; layer < n_layer; ++layer) {
    for (std::size_t role = 0; role < kTensorRoleCount; ++role) {
      const TensorId id{static_cast<TensorRole>(role), layer};
      if (role_is_per_layer(id.role)) add(id);
    }
  }
}

ImatrixCollector::Sums* ImatrixCollector::sums_of(TensorId id) noexcept {
  const std::size_t slot = slot_of(id);
  if (slot >= slots_.size() || slots_[slot] < 0) return nullptr;
  return &sums_[static_cast<std::size_t>(slots_[slot])];
}

void ImatrixCollector::on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept {
  Sums* sums = sums_of(weight);
  if (sums == nullptr || first_bad_) return;
  std::atomic<bool> finite{true};
  const std::size_t worth = kMinElements / std::max<std::size_t>(1, input.rows);
  const std::size_t grain = std::max(kColumnGrain, worth / kColumnGrain * kColumnGrain);
  pool_.for_ranges(input.cols, grain, [&](std::size_t begin, std::size_t end) noexcept {
    if (!add_columns(input, begin, end, sums->of.sum.data(), sums->of.sum2.data())) finite = false;
  });
  sums->of.n_rows += input.rows;
  if (!finite) first_bad_ = Place{weight, text_};
}

Imatrix ImatrixCollector::result(bool means) const {
  Imatrix out;
  for (const auto& [id, of] : sums_) {
    if (of.n_rows == 0) continue;
    ImatrixEntry& entry = out.entries[tensor_name(id)];
    entry.n_cols = of.sum2.size();
    entry.sum2.assign(of.sum2.begin(), of.sum2.end());
    entry.counts = {static_cast<float>(of.n_rows)};
    if (means) entry.sum.assign(of.sum.begin(), of.sum.end());
  }
  return out;
}

std::vector<std::string> ImatrixCollector::zero_columns() const {
  std::vector<std::string> out;
  for (const auto& [id, of] : sums_) {
    const auto n = std::count(of.sum2.begin(), of.sum2.end(), 0.0);
    if (of.n_rows == 0 || n == 0) continue;
    out.push_back(fmt::format("{}: {} of {} columns", tensor_name(id), n, of.sum2.size()));
  }
  return out;
}

std::map<std::string, CollectedSums> ImatrixCollector::sums() const {
  std::map<std::string, CollectedSums> out;
  for (const auto& [id, of] : sums_) out.emplace(tensor_name(id), of);
  return out;
}

void ImatrixCollector::restore(const std::map<std::string, CollectedSums>& sums) {
  if (sums.size() != sums_.size()) throw failed("the checkpoint is of other weights");
  for (auto& [id, of] : sums_) {
    const auto found = sums.find(tensor_name(id));
    if (found == sums.end() || found->second.sum2.size() != of.sum2.size()) {
      throw failed(fmt::format("the checkpoint does not fit {}", tensor_name(id)));
    }
    of = found->second;
  }
}

namespace {

class Collection {
 public:
  Collection(const EvalContext& context, const TextChunks& text, const CollectOptions& options)
      : context_(context),
        text_(text),
        options_(options),
        by_layer_(context.runner.options().order == RunOrder::kByLayer),
        collector_(context.runner.models()[0].model, context.pool, options.process_output) {
    if (options.resume != nullptr) {
      collector_.restore(options.resume->sums);
      nll_ = options.resume->nll;
      n_before_ = n_done_ = options.resume->n_chunks;
    }
    mark();
  }

  Imatrix run(const CollectProgress& progress) {
    // output.weight only sees rows whose logits are wanted.
    const bool head = options_.perplexity || options_.process_output;
    const ChunkTexts texts(text_, n_before_, head ? text_.first_scored() : text_.n_ctx());
    Observer* const observers[] = {&collector_};
    context_.runner.run(
        texts.texts(),
        {.logits = [this](std::size_t t, std::size_t first,
                          auto by_model) { score(n_before_ + t, first, by_model[0]); },
         .done = [this](std::size_t n) { finish_chunks(n_before_ + n); },
         .progress = [&](double fraction,
                         std::string_view step) { return go_on(progress, fraction, step); },
         .within_text = [&](double fraction) { return go_on(progress, fraction, {}); },
         .observers = observers});
    return result();
  }

 private:
  void score(std::size_t chunk, std::size_t first_row, MatrixView<const float> logits) {
    if (!options_.perplexity || collector_.first_bad()) return;
    const std::size_t first_pos = text_.first_scored() + first_row;
    const std::span<const Token> targets = text_.chunk(chunk).subspan(first_pos + 1);
    values_.resize(logits.rows);
    context_.pool.for_each(logits.rows, [&](std::size_t r, int) noexcept {
      values_[r] =
          negative_log_likelihood(logits.row(r), logits.cols, targets[r], context_.kernels);
    });
    for (std::size_t r = 0; r < values_.size(); ++r) {
      if (!std::isfinite(values_[r])) {
        throw failed(fmt::format("chunk {}, position {}: the model's output is not finite",
                                 chunk + 1, first_pos + r));
      }
      nll_.add(values_[r]);
    }
  }

  void finish_chunks(std::size_t n) {
    check_finite();
    const std::size_t before = std::exchange(n_done_, n);
    mark();
    if (before == 0) warn_of_zeros();
    const std::size_t every = options_.save_every;
    const bool due = every > 0 && n / every > before / every;
    if ((due || by_layer_) && n < text_.n_chunks()) save();
  }

  void mark() {
    collector_.mark();
    marked_nll_ = nll_;
  }

  // Also in the middle of a chunk. Layer by layer, sums are only whole when a group of chunks is
  // done, and are saved then.
  bool go_on(const CollectProgress& progress, double fraction, std::string_view step) {
    check_finite();
    const auto ppl = options_.perplexity ? std::optional(perplexity_of(marked_nll_)) : std::nullopt;
    const double before = static_cast<double>(n_before_),
                 all = static_cast<double>(text_.n_chunks());
    if (!progress) return true;
    try {
      if (progress(n_done_, ppl, (before + fraction * (all - before)) / all, step)) return true;
    } catch (...) {  // what it shows could not be shown
      save_before_end();
      throw;
    }
    save_before_end();
    return false;
  }

  void save_before_end() {
    collector_.roll_back();
    nll_ = marked_nll_;
    if (!by_layer_ && n_done_ > n_before_ && n_done_ < text_.n_chunks()) save();
  }

  void check_finite() const {
    if (!collector_.first_bad()) return;
    const auto& [weight, text] = *collector_.first_bad();
    throw failed(fmt::format("chunk {}: what enters {} is not finite", n_before_ + text + 1,
                             tensor_name(weight)));
  }

  void warn_of_zeros() const {
    if (!options_.warn) return;
    const std::string when = n_done_ == 1 ? "chunk 1" : fmt::format("chunks 1 to {}", n_done_);
    for (const std::string& line : collector_.zero_columns()) {
      options_.warn(fmt::format("{}: all zero: {}", when, line));
    }
  }

  void save() const {
    if (options_.save) options_.save({n_done_, nll_, collector_.sums()}, result());
  }

  Imatrix result() const {
    Imatrix out = collector_.result(options_.means);
    out.datasets = options_.datasets;
    out.chunk_count = static_cast<std::uint32_t>(n_done_);
    out.chunk_size = static_cast<std::uint32_t>(text_.n_ctx());
    return out;
  }

  const EvalContext& context_;
  const TextChunks& text_;
  const CollectOptions& options_;
  const bool by_layer_;
  ImatrixCollector collector_;
  Moments nll_, marked_nll_;  // so far; of whole chunks
  std::vector<double> values_;
  std::size_t n_before_ = 0, n_done_ = 0;  // chunks: of an earlier run, and of all
};

}  // namespace

Imatrix collect_imatrix(const EvalContext& context, const TextChunks& text,
                        const CollectOptions& options, const CollectProgress& progress) {
  return Collection(context, text, options).run(progress);
}

}  // namespace lathe
