// The work of `lathe stats`: what an importance matrix, the weights and the residual stream say of
// each layer.
#pragma once

#include <string>
#include <vector>

#include "quant/stats/activation_stats.h"
#include "quant/stats/block_influence.h"
#include "quant/stats/weight_stats.h"
#include "runtime/base/notes.h"
#include "tools/jobs/job_progress.h"
#include "tools/jobs/runner.h"
#include "tools/jobs/texts.h"

namespace lathe {

struct StatsRequest {
  std::string imatrix;  // file; empty: none
  double active_threshold = kActiveThreshold;
  EngineOptions engine;  // model empty: none
  TextOptions text;      // of measure_blocks() only
  OrderOptions order;
};

// A file that went into a result, by name and hash (of a model: its fingerprint).
struct NamedInput {
  std::string path, hash;
};

struct TableStats {
  NamedInput imatrix, model;  // without a path: none
  std::vector<ActivationStats> activations;
  std::vector<WeightStats> weights;
};

// Of an importance matrix, of a model's weights, or of both. An importance matrix that is not
// certain to be of the model is used all the same, and that is noted. Error (kFailed) when stopped,
// (kBadInput) for files that are none.
TableStats measure_tables(const StatsRequest& request, const std::string& isa, const Notes& notes,
                          const JobProgress& progress);

struct BlockStats {
  NamedInput model;
  std::vector<NamedInput> texts;
  BlockInfluenceCollector::Result result;
};

// A model over a text. Errors as above.
BlockStats measure_blocks(const StatsRequest& request, const std::string& isa, const Notes& notes,
                          const JobProgress& progress);

}  // namespace lathe
