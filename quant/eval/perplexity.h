// Perplexity of a text under a model: exp of the mean negative log-likelihood of the tokens scored
// (quant/eval/text_chunks.h).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "quant/eval/chunk_measure.h"
#include "quant/eval/statistics.h"

namespace lathe {

struct PerplexityResult {
  Estimate ppl;
  std::size_t n_scored = 0;       // tokens
  std::vector<double> running;    // perplexity after each chunk
  std::vector<double> chunk_nll;  // mean negative log-likelihood of each chunk alone
};

// From negative log-likelihoods, chunk by chunk.
class PerplexityMeter {
 public:
  void add_chunk(std::span<const double> nll);
  // Brings the result up to date with records that have grown.
  void add_chunks(const ChunkRecords& records);
  const PerplexityResult& result() const noexcept { return result_; }

 private:
  Moments all_;
  PerplexityResult result_;
};

using PerplexityProgress =
    std::function<bool(const PerplexityResult&, double fraction, std::string_view step)>;

struct PerplexityOptions {
  std::function<void(MatrixView<const float>)> on_logits{};  // RowMeasure::on_logits
  ChunkRecords* records = nullptr;  // where to go on, and what was measured; one number a row
};

// Negative log-likelihoods of the scored tokens: a row of a record has one number a model. Errors
// as measure_chunks.
void measure_likelihoods(const EvalContext& context, const TextChunks& text, ChunkRecords& records,
                         const ChunkProgress& progress = {},
                         const std::function<void(MatrixView<const float>)>& on_logits = {});

// 95 % interval of the perplexity from the means of chunks; none of fewer than two chunks.
std::optional<Interval> perplexity_interval(std::span<const double> chunk_nll);

// Of a context with one model. Errors as measure_chunks.
PerplexityResult measure_perplexity(const EvalContext& context, const TextChunks& text,
                                    const PerplexityOptions& options = {},
                                    const PerplexityProgress& progress = {});

// -ln p(target) under a row of logits; NaN where it holds no distribution.
double negative_log_likelihood(const float* logits, std::size_t n_vocab, Token target,
                               const KernelTable& kernels) noexcept;

}  // namespace lathe
