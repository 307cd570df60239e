#include "quant/eval/divergence_chunks.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "quant/eval/divergence.h"
#include "quant/eval/mean_interval.h"
#include "quant/eval/perplexity.h"

namespace lathe {
namespace {

std::string line(const char* label, const std::optional<Interval>& interval) {
  return fmt::format("{:<18}: {:10.6f} to {:10.6f}\n", label, interval->low, interval->high);
}

}  // namespace

DivergenceChunks divergence_chunks(const ChunkRecords& records, std::size_t m,
                                   std::size_t n_candidates) {
  DivergenceChunks out;
  const std::size_t width = n_candidates * kDivergenceWidth;
  for (const std::vector<double>& record : records) {
    Moments nll, nll_base, kld;
    for (std::size_t i = m * kDivergenceWidth; i < record.size(); i += width) {
      const TokenDivergence d = get_divergence(record.data() + i);
      nll.add(d.nll);
      nll_base.add(d.nll_base);
      kld.add(d.kld);
    }
    out.nll.push_back(nll.mean());
    out.nll_base.push_back(nll_base.mean());
    out.kld.push_back(kld.mean());
  }
  return out;
}

DivergenceIntervals divergence_intervals(const DivergenceChunks& chunks) {
  std::vector<double> ln_ratios(chunks.nll.size());
  std::transform(chunks.nll.begin(), chunks.nll.end(), chunks.nll_base.begin(), ln_ratios.begin(),
                 std::minus<>());
  return {.ppl = perplexity_interval(chunks.nll),
          .ppl_base = perplexity_interval(chunks.nll_base),
          .ppl_ratio = exp_of(mean_interval(ln_ratios)),
          .kld = positive_mean_interval(chunks.kld)};
}

std::string intervals_report(const DivergenceIntervals& i) {
  std::string out = "\n====== 95 % intervals, over chunks ======\n";
  if (!i.kld) return out + "none: one chunk does not show how much chunks vary\n";
  out += line("PPL(Q)", i.ppl);
  out += line("PPL(base)", i.ppl_base);
  out += line("PPL(Q)/PPL(base)", i.ppl_ratio);
  out += line("KLD", i.kld);
  return out;
}

}  // namespace lathe
