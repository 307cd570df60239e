#include "tools/jobs/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/base/disk_space.h"
#include "runtime/forward/run_order.h"
#include "runtime/machine/memory.h"

namespace lathe {

namespace {

constexpr double kGiga = 1e9;

std::string by_layer_words(const RunMemory& memory, std::uint64_t available,
                           const RunOptions& options) {
  const char* why = options.drop_weights ? "more than memory holds" : "as asked";
  return fmt::format(
      "layer by layer ({}): {:.2f} GB of weights, {:.2f} GB of memory available, {:.2f} GB "
      "for hidden states{}",
      why, static_cast<double>(memory.weights) / kGiga, static_cast<double>(available) / kGiga,
      static_cast<double>(options.hidden_bytes) / kGiga,
      options.spill_folder.empty() ? "" : " in " + options.spill_folder);
}

}  // namespace

RunOptions run_options(const std::vector<RunModel>& models, const EngineOptions& engine,
                       const OrderOptions& order, const KernelTable& kernels,
                       const ThreadPool& pool, std::size_t n_cells, const Notes& notes) {
  std::size_t n_vocab = 0;
  for (const RunModel& m : models) n_vocab = std::max(n_vocab, m.model.traits().n_vocab);
  const SessionOptions session = session_options(engine, n_cells, 1);
  RunOptions options;
  options.n_cells = n_cells;
  options.n_batch = std::min(n_cells, session.n_batch);
  options.max_logits = logit_rows(n_vocab, options.n_batch);
  options.k_format = session.k_format;
  options.v_format = session.v_format;
  options.spill_folder = order.spill_folder;
  const RunMemory memory = run_memory(models, kernels, pool.size(), options);
  const std::uint64_t available = memory_info().available;
  const bool too_large = available > 0 && !fits_in_memory(memory, available);
  if (order.layer_major == "on" || (order.layer_major == "auto" && too_large)) {
    run_by_layer(memory, available, free_disk_space(options.spill_folder), options);
    notes.say(by_layer_words(memory, available, options));
  } else if (!order.spill_folder.empty()) {
    notes.warn("--spill does nothing: the texts go one by one, hidden states are not kept");
  }
  return options;
}

RunOptions kept_run_options(const std::vector<RunModel>& models, const EngineOptions& engine,
                            const OrderOptions& order, const KernelTable& kernels,
                            const ThreadPool& pool, std::size_t n_cells, const Notes& notes) {
  OrderOptions in_memory = order;
  in_memory.spill_folder.clear();
  RunOptions options = run_options(models, engine, in_memory, kernels, pool, n_cells, notes);
  options.spill_folder = order.spill_folder;
  return options;
}

std::unique_ptr<ForwardRunner> open_runner(std::vector<RunModel> models,
                                           const EngineOptions& engine, const OrderOptions& order,
                                           const KernelTable& kernels, ThreadPool& pool,
                                           std::size_t n_cells, const Notes& notes) {
  const RunOptions options = run_options(models, engine, order, kernels, pool, n_cells, notes);
  return make_forward_runner(std::move(models), kernels, pool, options);
}

}  // namespace lathe
