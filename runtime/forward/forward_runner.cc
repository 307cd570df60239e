#include "runtime/forward/forward_runner.h"

#include <algorithm>
#include <utility>

#include "runtime/forward/by_layer.h"
#include "runtime/forward/by_text.h"

namespace lathe {
namespace {

constexpr std::size_t kLogitBytes = std::size_t{64} << 20;
constexpr std::size_t kMinLogitRows = 16;

}  // namespace

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
