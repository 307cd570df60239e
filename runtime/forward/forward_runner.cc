#include "runtime/forward/forward_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/forward/by_layer.h"
#include "runtime/forward/by_text.h"

namespace lathe {
namespace {

constexpr std::size_t kLogitBytes = std::size_t{64} << 20;
constexpr std::size_t kMinLogitRows = 16;

template <typename Store>
void check_stores(std::span<Store* const> stores, std::span<const RunModel> models,
                  std::size_t n_items) {
  if (stores.size() != models.size()) {
    throw usage_error(
        fmt::format("{} stores of hidden states for {} models", stores.size(), models.size()));
  }
  for (std::size_t m = 0; m < models.size(); ++m) {
    const std::size_t n_embd = models[m].model.traits().n_embd;
    if (stores[m]->n_rows() == n_items && stores[m]->n_embd() == n_embd) continue;
    throw usage_error(fmt::format("hidden states [{}, {}] for {} tokens of {}", stores[m]->n_rows(),
                                  stores[m]->n_embd(), n_items, n_embd));
  }
}

}  // namespace

void ForwardRunner::check_part(std::span<const RunText> texts, const RunPart& part) const {
  std::size_t n_items = 0, n_to_head = 0;
  for (const RunText text : texts) n_items += text.size();
  for (const RunModel& m : models_) {
    const std::size_t n_layer = m.model.traits().n_layer;
    n_to_head += checked_range(part.layers, n_layer).end == static_cast<int>(n_layer);
  }
  if (n_to_head != 0 && n_to_head != models_.size()) {
    throw usage_error(
        fmt::format("layer {} is the end of some of the models only", part.layers.end));
  }
  if (part.layers.until && !part.to.empty()) {
    throw usage_error("a part that ends within a layer leaves no hidden states");
  }
  if (part.layers.since && (part.input == nullptr || models_.size() != 1)) {
    throw usage_error("a part that begins within a layer wants one model and an input");
  }
  if (part.layers.takes_up_hidden()) check_stores(part.from, models_, n_items);
  if (!part.to.empty()) check_stores(part.to, models_, n_items);
}

std::unique_ptr<ForwardRunner> make_forward_runner(std::vector<RunModel> models,
                                                   const KernelTable& kernels, ThreadPool& pool,
                                                   const RunOptions& options) {
  if (options.order == RunOrder::kByLayer) {
    return std::make_unique<LayerByLayer>(std::move(models), kernels, pool, options);
  }
  return std::make_unique<TextByText>(std::move(models), kernels, pool, options);
}

std::size_t logit_rows(std::size_t n_vocab, std::size_t n_batch) noexcept {
  const std::size_t fitting = kLogitBytes / (sizeof(float) * std::max<std::size_t>(1, n_vocab));
  return std::min(std::max(fitting, kMinLogitRows), n_batch);
}

}  // namespace lathe
