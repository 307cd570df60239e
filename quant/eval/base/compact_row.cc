#include "quant/eval/base/compact_row.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "quant/eval/top_tokens.h"

namespace lathe {
namespace {

constexpr double kLevels = 65535.0;

// The candidates for the list, likeliest first; ties by id, so that the choice is the same
// everywhere.
std::vector<Token> likeliest(const float* logits, std::size_t n_vocab, std::size_t n) {
  std::vector<Token> ids(n_vocab);
  std::iota(ids.begin(), ids.end(), 0);
  const auto before = [&](Token a, Token b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min(n, n_vocab));
  if (end != ids.end()) std::nth_element(ids.begin(), end, ids.end(), before);
  ids.erase(end, ids.end());
  std::sort(ids.begin(), ids.end(), before);
  return ids;
}

}  // namespace

CompactRow compact_row(const float* logits, std::size_t n_vocab, Token target,
                       const CompactOptions& options) {
  std::vector<Token> ids = likeliest(logits, n_vocab, std::max(options.max_tokens, kTopOverlap));
  const double max = logits[ids.front()];
  std::vector<double> weight(n_vocab);
  for (std::size_t v = 0; v < n_vocab; ++v) weight[v] = std::exp(logits[v] - max);
  const double sum = std::accumulate(weight.begin(), weight.end(), 0.0), ln = std::log(sum);

  CompactRow row;
  row.nll = ln - (logits[target] - max);
  row.ln_top = static_cast<float>(-ln);
  row.top.assign(ids.begin(),
                 ids.begin() + static_cast<std::ptrdiff_t>(std::min(kTopOverlap, ids.size())));
  std::size_t n = 0;
  for (double listed = 0.0; n < std::min(ids.size(), options.max_tokens);) {
    listed += weight[static_cast<std::size_t>(ids[n++])];
    if (sum - listed <= options.tail_mass * sum) break;
  }
  ids.resize(n);
  row.range = static_cast<float>(max - logits[ids.back()]);
  std::sort(ids.begin(), ids.end());
  const double inverse = row.range > 0.0f ? 1.0 / static_cast<double>(row.range) : 0.0;
  for (const Token id : ids) {
    const double level = std::nearbyint(kLevels * std::sqrt((max - logits[id]) * inverse));
    row.levels.push_back(static_cast<std::uint16_t>(std::clamp(level, 0.0, kLevels)));
    weight[static_cast<std::size_t>(id)] = 0.0;
  }
  row.tail = std::accumulate(weight.begin(), weight.end(), 0.0) / sum;
  row.ids = std::move(ids);
  return row;
}

TokenDivergence compact_divergence(const CompactRow& base, const float* logits, std::size_t n_vocab,
                                   Token target) {
  const double max = *std::max_element(logits, logits + n_vocab);
  double sum = 0.0, tail = 0.0;  // of exp(logit - max): all, and those not listed
  std::size_t next = 0;
  for (std::size_t v = 0; v < n_vocab; ++v) {
    const double weight = std::exp(logits[v] - max);
    sum += weight;
    if (next < base.ids.size() && static_cast<std::size_t>(base.ids[next]) == v) {
      ++next;
    } else {
      tail += weight;
    }
  }
  const double ln = std::log(sum);

  double decoded = 0.0, weighted = 0.0;  // sums of p, and of p (ln p - ln q), as decoded
  for (std::size_t i = 0; i < base.ids.size(); ++i) {
    const double level = static_cast<double>(base.levels[i]) / kLevels;
    const double ln_p =
        static_cast<double>(base.ln_top) - static_cast<double>(base.range) * level * level;
    const double p = std::exp(ln_p);
    decoded += p;
    weighted += p * (ln_p - (logits[base.ids[i]] - max - ln));
  }
  // Brought to the exact sum: p' = c p, so sum p' (ln p' - ln q) = c (weighted + decoded ln c).
  const double c = decoded > 0.0 ? (1.0 - base.tail) / decoded : 1.0;
  TokenDivergence out;
  out.kld = c * (weighted + decoded * std::log(c));
  if (base.tail > 0.0) out.kld += base.tail * (std::log(base.tail) - std::log(tail / sum));
  out.nll_base = base.nll;
  out.nll = ln - (logits[target] - max);
  out.p_base = std::exp(-out.nll_base);
  out.p = std::exp(-out.nll);
  const std::vector<Token> top = top_tokens({logits, n_vocab}, base.top.size());
  out.same_top = base.top.front() == top.front();
  out.top_overlap = overlap(base.top, top);
  return out;
}

}  // namespace lathe
