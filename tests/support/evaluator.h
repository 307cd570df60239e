// Models with a runner, in tests of what is measured over texts.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "quant/eval/divergence.h"
#include "quant/eval/eval_context.h"
#include "runtime/forward/forward_runner.h"

namespace lathe::test {

class Evaluator {
 public:
  Evaluator(std::vector<RunModel> models, const KernelTable& kernels, ThreadPool& pool,
            const lathe::RunOptions& options)
      : runner_(make_forward_runner(std::move(models), kernels, pool, options)),
        context_{*runner_, kernels, pool} {}

  operator const EvalContext&() const { return context_; }

 private:
  std::unique_ptr<ForwardRunner> runner_;
  EvalContext context_;
};

// Of model 1 from model 0.
inline DivergenceResult divergence(const EvalContext& context, const TextChunks& text) {
  ChunkRecords records;
  measure_divergence(context, text, records);
  DivergenceMeter meter;
  for (const auto& record : records) add_chunk(record, 0, 1, meter);
  return meter.summary(true);
}

}  // namespace lathe::test
