// Divergence of a model from a base on a text.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "quant/eval/divergence.h"
#include "quant/eval/divergence_chunks.h"
#include "tools/jobs/eval_job.h"

namespace lathe {

struct KldOptions {
  EvalOptions eval;
  TextOptions text;
  std::string base;     // a model or a base file
  bool compat = false;  // with a model as base: figures of 16-bit logits
};

struct KldCallbacks : EvalCallbacks {
  // Chunk after chunk, the figures up to it.
  std::function<void(std::size_t chunk, const DivergenceResult&)> on_chunk{};
};

struct KldResult {
  EvalInputs inputs;
  DivergenceResult figures;
  DivergenceChunks chunks;
  DivergenceIntervals intervals;
  std::size_t n_run = 0;  // tokens that this run took through the model
  double seconds = 0.0;
  MeasuredWork work;
};

// Errors as run_ppl()'s; (kUsage) also where base, model and text do not belong together.
KldResult run_kld(const KldOptions& options, const KldCallbacks& callbacks);

}  // namespace lathe
