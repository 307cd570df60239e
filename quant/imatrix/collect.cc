#include "quant/imatrix/collect.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "quant/eval/chunk_pass.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kColumnGrain = 64;       // columns of one thread: whole cache lines
constexpr std::size_t kMinElements = 1 << 18;  // per thread; less is not worth waking one up

std::size_t slot_of(TensorId id) noexcept {
  return static_cast<std::size_t>(id.layer + 1) * kTensorRoleCount +
         static_cast<std::size_t>(id.role);
}

// Adds the squares of columns [begin, end), row after row. False when a sum is not finite.
bool add_squares(MatrixView<const float> input, std::size_t begin, std::size_t end,
                 double* sum2) noexcept {
  for (std::size_t r = 0; r < input.rows; ++r) {
    const float* x = input.row(r);
    for (std::size_t c = begin; c < end; ++c) {
      const double v = x[c];
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
    sums_.push_back({id, std::vector<double>(view.cols, 0.0), 0});
  };
  if (process_output) add({TensorRole::kOutput, -1});
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
    if (!add_squares(input, begin, end, sums->sum2.data())) finite = false;
  });
  sums->n_rows += input.rows;
  if (!finite) first_bad_ = weight;
}

Imatrix ImatrixCollector::result() const {
  Imatrix out;
  for (const Sums& s : sums_) {
    if (s.n_rows == 0) continue;
    ImatrixEntry& entry = out.entries[tensor_name(s.id)];
    entry.n_cols = s.sum2.size();
    entry.sum2.assign(s.sum2.begin(), s.sum2.end());
    entry.counts = {static_cast<float>(s.n_rows)};
  }
  return out;
}

Imatrix collect_imatrix(Session& session, const TextChunks& text, const CollectOptions& options,
                        const KernelTable& kernels, ThreadPool& pool,
                        const CollectProgress& progress) {
  ImatrixCollector collector(session.model(), pool, options.process_output);
  struct Attached {  // also taken away when something throws
    Session& session;
    ~Attached() { session.set_observer(nullptr); }
  } attached{session};
  session.set_observer(&collector);

  // output.weight only sees rows whose logits are wanted.
  const bool head = options.perplexity || options.process_output;
  Moments all;
  std::vector<double> nll;
  Session* const sessions[] = {&session};
  for (std::size_t c = 0; c < text.n_chunks(); ++c) {
    const std::span<const Token> tokens = text.chunk(c);
    const std::size_t first = head ? text.first_scored() : tokens.size();
    run_chunk(sessions, tokens, first, [&](std::size_t first_pos, auto logits) {
      if (!options.perplexity || collector.first_bad()) return;
      nll.resize(logits[0].rows);
      negative_log_likelihoods(logits[0], tokens.subspan(first_pos + 1), kernels, pool, nll);
      check_finite(nll, c, first_pos);
      for (const double v : nll) all.add(v);
    });
    if (collector.first_bad()) {
      throw failed(fmt::format("chunk {}: what enters {} is not finite", c + 1,
                               tensor_name(*collector.first_bad())));
    }
    const auto ppl = options.perplexity ? std::optional(perplexity_of(all)) : std::nullopt;
    if (progress && !progress(c, ppl)) throw failed("stopped");
  }
  Imatrix out = collector.result();
  out.datasets = {options.dataset};
  out.chunk_count = static_cast<std::uint32_t>(text.n_chunks());
  out.chunk_size = static_cast<std::uint32_t>(text.n_ctx());
  return out;
}

}  // namespace lathe
