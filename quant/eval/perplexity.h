// Perplexity of a text under a model: exp of the mean negative log-likelihood of the tokens scored
// (quant/eval/text_chunks.h).
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "kernels/kernel_table.h"
#include "quant/eval/statistics.h"
#include "quant/eval/text_chunks.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/session.h"

namespace lathe {

struct PerplexityResult {
  Estimate ppl;
  std::size_t n_scored = 0;       // tokens
  std::vector<double> running;    // perplexity after each chunk
  std::vector<double> chunk_nll;  // mean negative log-likelihood of each chunk alone
};

// Called after each chunk with what is known so far; false stops.
using PerplexityProgress = std::function<bool(const PerplexityResult&)>;

// Error (kFailed) at the first logit that is not finite, naming chunk and position, and when the
// progress says stop.
PerplexityResult measure_perplexity(Session& session, const TextChunks& text,
                                    const KernelTable& kernels, ThreadPool& pool,
                                    const PerplexityProgress& progress = {});

// -ln p(target) under each row of logits, by all threads; NaN where a row holds no distribution.
void negative_log_likelihoods(MatrixView<const float> logits, std::span<const Token> targets,
                              const KernelTable& kernels, ThreadPool& pool,
                              std::span<double> out) noexcept;

// Error (kFailed) naming chunk and position of the first value that is not finite.
void check_finite(std::span<const double> nll, std::size_t chunk, std::size_t first_pos);

}  // namespace lathe
