// Choosing the layers to prune by what leaving them out does to a text (quant/heal/layer_choice.h).
#pragma once

#include <string>
#include <vector>

#include "quant/heal/layer_choice.h"
#include "runtime/base/notes.h"
#include "tools/jobs/job_progress.h"
#include "tools/jobs/runner.h"
#include "tools/jobs/texts.h"

namespace lathe {

struct PruneRequest {
  int n_layers = 0;  // to prune; 0: nothing is chosen
  std::vector<std::string> texts;
  std::size_t max_chunks = 16;  // spread evenly over the texts
  OrderOptions order{};
  int n_threads = 0;  // 0: one per physical core
};

struct PruneChoice {
  LayerChoice choice;
  Estimate ppl;  // of the whole model
  std::size_t n_scored = 0;
};

// Error (kUsage) where the model does not have the layers, (kFailed) when stopped.
PruneChoice choose_pruned(const std::string& model, const PruneRequest& request,
                          const std::string& isa, const Notes& notes, const JobProgress& progress);

}  // namespace lathe
