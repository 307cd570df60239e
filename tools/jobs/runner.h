// What runs texts through models, layer by layer where memory asks for it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/notes.h"
#include "runtime/forward/forward_runner.h"
#include "tools/jobs/engine.h"

namespace lathe {

// In which order layers and texts are gone through (runtime/forward/forward_runner.h).
struct OrderOptions {
  std::string layer_major = "auto";  // "on", "off"
  std::string spill_folder;
};

// How texts of up to n_cells tokens go through the models, as memory allows; notes say when that is
// layer by layer.
RunOptions run_options(const std::vector<RunModel>& models, const EngineOptions& engine,
                       const OrderOptions& order, const KernelTable& kernels,
                       const ThreadPool& pool, std::size_t n_cells, const Notes& notes = {});

// The same for runs whose hidden states are kept in any case: in the order's folder, if it has one,
// whatever the order is.
RunOptions kept_run_options(const std::vector<RunModel>& models, const EngineOptions& engine,
                            const OrderOptions& order, const KernelTable& kernels,
                            const ThreadPool& pool, std::size_t n_cells, const Notes& notes = {});

// What runs texts of up to n_cells tokens through the models, as memory allows; notes say when that
// is layer by layer. Kernels, pool and models must outlive it.
std::unique_ptr<ForwardRunner> open_runner(std::vector<RunModel> models,
                                           const EngineOptions& engine, const OrderOptions& order,
                                           const KernelTable& kernels, ThreadPool& pool,
                                           std::size_t n_cells, const Notes& notes = {});

}  // namespace lathe
