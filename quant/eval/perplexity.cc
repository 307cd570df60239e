#include "quant/eval/perplexity.h"

#include <fmt/format.h>

#include <cmath>

#include "quant/eval/chunk_pass.h"
#include "runtime/base/error.h"

namespace lathe {

void negative_log_likelihoods(MatrixView<const float> logits, std::span<const Token> targets,
                              const KernelTable& kernels, ThreadPool& pool,
                              std::span<double> out) noexcept {
  pool.for_each(logits.rows, [&](std::size_t r, int) noexcept {
    float max = 0.0f;
    double sum = 0.0;
    kernels.log_sum_exp(logits.row(r), logits.cols, &max, &sum);
    out[r] = std::log(sum) + static_cast<double>(max) - logits.row(r)[targets[r]];
  });
}

void check_finite(std::span<const double> nll, std::size_t chunk, std::size_t first_pos) {
  for (std::size_t i = 0; i < nll.size(); ++i) {
    if (std::isfinite(nll[i])) continue;
    throw failed(fmt::format("chunk {}, position {}: the model's output is not finite", chunk + 1,
                             first_pos + i));
  }
}

PerplexityResult measure_perplexity(Session& session, const TextChunks& text,
                                    const KernelTable& kernels, ThreadPool& pool,
                                    const PerplexityProgress& progress) {
  PerplexityResult result;
  Moments all;
  std::vector<double> nll;
  Session* const sessions[] = {&session};
  for (std::size_t c = 0; c < text.n_chunks(); ++c) {
    const std::span<const Token> tokens = text.chunk(c);
    Moments chunk;
    run_chunk(sessions, tokens, text.first_scored(), [&](std::size_t first_pos, auto logits) {
      nll.resize(logits[0].rows);
      negative_log_likelihoods(logits[0], tokens.subspan(first_pos + 1), kernels, pool, nll);
      check_finite(nll, c, first_pos);
      for (const double v : nll) {
        all.add(v);
        chunk.add(v);
      }
    });
    result.ppl = perplexity_of(all);
    result.n_scored = all.n();
    result.running.push_back(result.ppl.value);
    result.chunk_nll.push_back(chunk.mean());
    if (progress && !progress(result)) throw failed("stopped");
  }
  return result;
}

}  // namespace lathe
