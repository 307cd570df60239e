// How far a model's predictions are from those of a base model on the same text.
//
// Per scored position: the Kullback-Leibler divergence of the full distributions, the change of the
// true token's probability, whether the most likely token is the same. Everything comes from both
// models' own logits in double precision; other programs clip the base at 16 nats below its top and
// round it to 16 bits, which moves mean divergences by about 1e-6.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <vector>

#include "quant/eval/chunk_measure.h"
#include "quant/eval/statistics.h"
#include "runtime/gguf/metadata.h"

namespace lathe {

// One scored position.
struct TokenDivergence {
  double nll_base = 0.0, nll = 0.0;  // of the true token
  double kld = 0.0;                  // sum p_base (ln p_base - ln p)
  double p_base = 0.0, p = 0.0;      // of the true token
  bool same_top = false;             // the first largest logit is at the same token
  double top_overlap = 0.0;  // share of the base's kTopOverlap likeliest that the model has too
};
inline constexpr std::size_t kTopOverlap = 10;

// As numbers of a record (quant/eval/chunk_measure.h).
inline constexpr std::size_t kDivergenceWidth = 5;
void put_divergence(const TokenDivergence& d, double* out) noexcept;
TokenDivergence get_divergence(const double* record) noexcept;

// base, logits: [n_vocab].
TokenDivergence token_divergence(const float* base, const float* logits, std::size_t n_vocab,
                                 Token target);

inline constexpr std::array kKldPercentiles = {1.0, 0.999, 0.99, 0.95,  0.9, 0.5,
                                               0.1, 0.05,  0.01, 0.001, 0.0};
inline constexpr std::array kDeltaPercentiles = {1.0,  0.999, 0.99, 0.95, 0.9,   0.75, 0.5,
                                                 0.25, 0.1,   0.05, 0.01, 0.001, 0.0};

// Shares and probabilities are fractions, not percent.
struct DivergenceResult {
  std::size_t n_scored = 0;
  Estimate ppl, ppl_base;
  double ln_ppl_correlation = 0.0;
  Estimate ln_ppl_ratio, ppl_ratio, ppl_difference;
  Estimate kld;
  std::array<double, kKldPercentiles.size()> kld_percentiles{};
  Estimate delta_p;  // p - p_base of the true token
  std::array<double, kDeltaPercentiles.size()> delta_p_percentiles{};
  Estimate rms_delta_p;
  Estimate same_top;
  Estimate top_overlap;
};

// Collects positions; any number of summaries.
class DivergenceMeter {
 public:
  void add(const TokenDivergence& d);
  std::size_t n() const noexcept { return kld_.n(); }
  // Everything but the percentiles costs nothing; those sort the samples.
  DivergenceResult summary(bool with_percentiles) const;

 private:
  Moments nll_, nll_base_, kld_, delta_, delta2_, top_overlap_;
  double sum_product_ = 0.0;  // of both negative log-likelihoods
  std::size_t n_same_top_ = 0;
  std::vector<double> klds_, deltas_;
};

// Error (kUsage) naming the first token that differs: ids must mean the same in both models.
void check_same_vocabulary(const Metadata& base, const Metadata& candidate);

// The divergences of model `m` of a measurement: meters are fed chunk by chunk, in order.
void add_chunk(const std::vector<double>& record, std::size_t m, std::size_t n_models,
               DivergenceMeter& meter);

// How much of the base's distributions is used: all of it in double precision, or 16 bits a token
// within 16 nats of the largest, which is what other programs keep in their files of logits.
enum class BasePrecision { kFull, k16Bits };

// Runs all models over the text at the same time. Model 0 is the base; for each of the others a
// record has kDivergenceWidth numbers. Error (kUsage) when the vocabularies differ in size;
// otherwise errors as measure_chunks.
void measure_divergence(const EvalContext& context, const TextChunks& text, ChunkRecords& records,
                        const ChunkProgress& progress = {},
                        BasePrecision precision = BasePrecision::kFull);

}  // namespace lathe
