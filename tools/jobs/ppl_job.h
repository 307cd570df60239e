// Perplexity of a text, and files of what the model said of it (bases of later divergences).
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "quant/eval/base/compact_row.h"
#include "quant/eval/perplexity.h"
#include "runtime/base/output_gate.h"
#include "tools/jobs/eval_job.h"

namespace lathe {

struct PplOptions {
  EvalOptions eval;
  TextOptions text;
  // What is written, in one run from beginning to end: the compact base, the file of all logits.
  std::optional<OutputTarget> base, logits;
  CompactOptions compact;

  bool writes_files() const noexcept { return base || logits; }
};

struct PplCallbacks : EvalCallbacks {
  // The figures after each chunk.
  std::function<void(const PerplexityResult&)> on_chunk{};
};

struct PplResult {
  EvalInputs inputs;
  PerplexityResult figures;
  std::optional<Interval> interval;  // of the perplexity, 95 %
  std::size_t n_run = 0;             // tokens that this run took through the model
  double seconds = 0.0;              // that it took
  MeasuredWork work;
};

// Error (kFailed) when a callback stops it or the model is not finite; (kUsage), (kBadInput) for
// what cannot be opened or does not go together.
PplResult run_ppl(const PplOptions& options, const PplCallbacks& callbacks);

}  // namespace lathe
