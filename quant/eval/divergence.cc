#include "quant/eval/divergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "quant/eval/base/logits_row.h"
#include "quant/eval/top_tokens.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr std::size_t kMinForErrors = 11;  // fewer values have no error worth the name

void check_vocabularies(std::span<const RunModel> models) {
  const std::size_t n_base = models[0].model.traits().n_vocab;
  for (const RunModel& m : models) {
    const std::size_t n = m.model.traits().n_vocab;
    if (n == n_base) continue;
    throw usage_error(
        fmt::format("the base has a vocabulary of {} tokens, {} of {}: they cannot "
                    "be compared",
                    n_base, m.name.empty() ? "the candidate" : m.name, n));
  }
}

}  // namespace

TokenDivergence token_divergence(const float* base, const float* logits, std::size_t n_vocab,
                                 Token target) {
  const std::vector<Token> top_base = top_tokens({base, n_vocab}, kTopOverlap);
  const std::vector<Token> top = top_tokens({logits, n_vocab}, kTopOverlap);
  const double max_base = base[top_base.front()], max = logits[top.front()];
  double sum_base = 0.0, sum = 0.0, sum_difference = 0.0;
  for (std::size_t v = 0; v < n_vocab; ++v) {
    const double b = base[v] - max_base, q = logits[v] - max;
    const double weight = std::exp(b);
    sum_base += weight;
    sum += std::exp(q);
    sum_difference += weight * (b - q);
  }
  const double ln_base = std::log(sum_base), ln = std::log(sum);
  TokenDivergence out;
  out.nll_base = ln_base - (base[target] - max_base);
  out.nll = ln - (logits[target] - max);
  out.kld = sum_difference / sum_base + ln - ln_base;
  out.p_base = std::exp(-out.nll_base);
  out.p = std::exp(-out.nll);
  out.same_top = top_base.front() == top.front();
  out.top_overlap = overlap(top_base, top);
  return out;
}

void put_divergence(const TokenDivergence& d, double* out) noexcept {
  out[0] = d.nll_base;
  out[1] = d.nll;
  out[2] = d.kld;
  out[3] = d.same_top ? 1.0 : 0.0;
  out[4] = d.top_overlap;
}

TokenDivergence get_divergence(const double* record) noexcept {
  return {.nll_base = record[0],
          .nll = record[1],
          .kld = record[2],
          .p_base = std::exp(-record[0]),
          .p = std::exp(-record[1]),
          .same_top = record[3] != 0.0,
          .top_overlap = record[4]};
}

void DivergenceMeter::add(const TokenDivergence& d) {
  const double delta = d.p - d.p_base;
  nll_.add(d.nll);
  nll_base_.add(d.nll_base);
  sum_product_ += d.nll * d.nll_base;
  kld_.add(d.kld);
  delta_.add(delta);
  delta2_.add(delta * delta);
  top_overlap_.add(d.top_overlap);
  n_same_top_ += d.same_top ? 1 : 0;
  klds_.push_back(d.kld);
  deltas_.push_back(delta);
}

DivergenceResult DivergenceMeter::summary(bool with_percentiles) const {
  DivergenceResult r;
  const std::size_t count = n();
  if (count == 0) return r;
  const double n_tokens = static_cast<double>(count);
  const auto error = [](const Moments& m) { return m.error(kMinForErrors); };

  r.n_scored = count;
  r.ppl = perplexity_of(nll_, kMinForErrors);
  r.ppl_base = perplexity_of(nll_base_, kMinForErrors);
  const double covariance =
      count < kMinForErrors - 1
          ? 0.0
          : (sum_product_ / n_tokens - nll_.mean() * nll_base_.mean()) / (n_tokens - 1.0);
  const double errors = error(nll_) * error(nll_base_);
  r.ln_ppl_correlation = errors > 0.0 ? covariance / errors : 0.0;

  const auto root = [](double v) { return v > 0.0 ? std::sqrt(v) : 0.0; };
  r.ln_ppl_ratio = {
      nll_.mean() - nll_base_.mean(),
      root(error(nll_) * error(nll_) + error(nll_base_) * error(nll_base_) - 2.0 * covariance)};
  r.ppl_ratio.value = std::exp(r.ln_ppl_ratio.value);
  r.ppl_ratio.error = r.ppl_ratio.value * r.ln_ppl_ratio.error;
  r.ppl_difference = {r.ppl.value - r.ppl_base.value,
                      root(r.ppl.error * r.ppl.error + r.ppl_base.error * r.ppl_base.error -
                           2.0 * r.ppl.value * r.ppl_base.value * covariance)};

  r.kld = {kld_.mean(), error(kld_)};
  r.delta_p = {delta_.mean(), error(delta_)};
  const double rms = std::sqrt(delta2_.mean());
  r.rms_delta_p = {rms, rms > 0.0 ? 0.5 / rms * error(delta2_) : 0.0};
  r.top_overlap = {top_overlap_.mean(), error(top_overlap_)};
  const double same = static_cast<double>(n_same_top_) / n_tokens;
  r.same_top = {same, count > 1 ? std::sqrt(same * (1.0 - same) / (n_tokens - 1.0)) : 0.0};

  if (with_percentiles) {
    std::vector<double> klds = klds_, deltas = deltas_;
    std::sort(klds.begin(), klds.end());
    std::sort(deltas.begin(), deltas.end());
    std::transform(kKldPercentiles.begin(), kKldPercentiles.end(), r.kld_percentiles.begin(),
                   [&](double f) { return percentile(klds, f); });
    std::transform(kDeltaPercentiles.begin(), kDeltaPercentiles.end(),
                   r.delta_p_percentiles.begin(), [&](double f) { return percentile(deltas, f); });
  }
  return r;
}

void check_same_vocabulary(const Metadata& base, const Metadata& candidate) {
  constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
  const StringList* a = base.string_array(kTokens);
  const StringList* b = candidate.string_array(kTokens);
  if (a == nullptr || b == nullptr) return;  // the sizes are compared with the models
  if (a->size() != b->size()) {
    throw usage_error(fmt::format("{} has {} tokens, {} has {}: they cannot be compared",
                                  base.origin(), a->size(), candidate.origin(), b->size()));
  }
  for (std::size_t i = 0; i < a->size(); ++i) {
    if ((*a)[i] == (*b)[i]) continue;
    throw usage_error(fmt::format("token {} is {} in {}, {} in {}: they cannot be compared", i,
                                  quoted((*a)[i]), base.origin(), quoted((*b)[i]),
                                  candidate.origin()));
  }
}

void add_chunk(const std::vector<double>& record, std::size_t m, std::size_t n_models,
               DivergenceMeter& meter) {
  for (std::size_t i = m * kDivergenceWidth; i < record.size(); i += n_models * kDivergenceWidth) {
    meter.add(get_divergence(record.data() + i));
  }
}

namespace {

void measure_full(const ScoredRow& r, double* out) {
  for (std::size_t m = 1; m < r.logits.size(); ++m) {
    put_divergence(token_divergence(r.logits[0], r.logits[m], r.n_vocab, r.target),
                   out + (m - 1) * kDivergenceWidth);
  }
}

void measure_16_bits(const ScoredRow& r, double* out) {
  std::vector<std::uint16_t> row(logits_row_size(r.n_vocab));
  encode_logits_row(r.logits[0], r.n_vocab, row.data());
  for (std::size_t m = 1; m < r.logits.size(); ++m) {
    put_divergence(logits_row_divergence(reinterpret_cast<const std::uint8_t*>(row.data()),
                                         r.logits[m], r.n_vocab, r.target),
                   out + (m - 1) * kDivergenceWidth);
  }
}

}  // namespace

void measure_divergence(const EvalContext& context, const TextChunks& text, ChunkRecords& records,
                        const ChunkProgress& progress, BasePrecision precision) {
  const std::span<const RunModel> models = context.runner.models();
  check_vocabularies(models);
  measure_chunks(context, text,
                 {.width = (models.size() - 1) * kDivergenceWidth,
                  .measure = precision == BasePrecision::kFull ? measure_full : measure_16_bits},
                 records, progress);
}

}  // namespace lathe
