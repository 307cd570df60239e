#include "quant/eval/perplexity.h"

#include <cmath>

#include "quant/eval/mean_interval.h"

namespace lathe {

double negative_log_likelihood(const float* logits, std::size_t n_vocab, Token target,
                               const KernelTable& kernels) noexcept {
  float max = 0.0f;
  double sum = 0.0;
  kernels.log_sum_exp(logits, n_vocab, &max, &sum);
  return std::log(sum) + static_cast<double>(max) - logits[target];
}

void PerplexityMeter::add_chunk(std::span<const double> nll) {
  Moments chunk;
  for (const double v : nll) {
    all_.add(v);
    chunk.add(v);
  }
  result_.ppl = perplexity_of(all_);
  result_.n_scored = all_.n();
  result_.running.push_back(result_.ppl.value);
  result_.chunk_nll.push_back(chunk.mean());
}

void PerplexityMeter::add_chunks(const ChunkRecords& records) {
  while (result_.running.size() < records.size()) add_chunk(records[result_.running.size()]);
}

void measure_likelihoods(const EvalContext& context, const TextChunks& text, ChunkRecords& records,
                         const ChunkProgress& progress,
                         const std::function<void(MatrixView<const float>)>& on_logits) {
  const std::size_t n_models = context.runner.models().size();
  const RowMeasure row{.width = n_models,
                       .measure =
                           [&](const ScoredRow& r, double* out) {
                             for (std::size_t m = 0; m < n_models; ++m) {
                               out[m] = negative_log_likelihood(r.logits[m], r.n_vocab, r.target,
                                                                context.kernels);
                             }
                           },
                       .on_logits = on_logits};
  measure_chunks(context, text, row, records, progress);
}

std::optional<Interval> perplexity_interval(std::span<const double> chunk_nll) {
  return exp_of(mean_interval(chunk_nll));
}

PerplexityResult measure_perplexity(const EvalContext& context, const TextChunks& text,
                                    const PerplexityOptions& options,
                                    const PerplexityProgress& progress) {
  PerplexityMeter meter;
  ChunkRecords own;
  ChunkRecords& records = options.records != nullptr ? *options.records : own;
  measure_likelihoods(
      context, text, records,
      [&](const ChunkRecords& so_far, double fraction, std::string_view step) {
        meter.add_chunks(so_far);
        return !progress || progress(meter.result(), fraction, step);
      },
      options.on_logits);
  meter.add_chunks(records);
  return meter.result();
}

}  // namespace lathe
