#include "tools/report/text_measures.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "quant/eval/divergence_report.h"
#include "tools/report/eval_document.h"
#include "tools/report/render.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

template <std::size_t kN>
Json percentiles_json(const std::array<double, kN>& fractions,
                      const std::array<double, kN>& values) {
  Json out = Json::object();
  for (std::size_t i = 0; i < kN; ++i) out[fmt::format("{:g}", 100.0 * fractions[i])] = values[i];
  return out;
}

// Probabilities and shares as fractions.
void put_divergence(Json& out, const DivergenceResult& r) {
  put(out, "ppl", r.ppl);
  put(out, "ppl_base", r.ppl_base);
  out["ln_ppl_correlation"] = r.ln_ppl_correlation;
  put(out, "ln_ppl_ratio", r.ln_ppl_ratio);
  put(out, "ppl_ratio", r.ppl_ratio);
  put(out, "ppl_difference", r.ppl_difference);
  put(out, "kld", r.kld);
  out["kld_percentiles"] = percentiles_json(kKldPercentiles, r.kld_percentiles);
  put(out, "delta_p", r.delta_p);
  out["delta_p_percentiles"] = percentiles_json(kDeltaPercentiles, r.delta_p_percentiles);
  put(out, "rms_delta_p", r.rms_delta_p);
  put(out, "same_top", r.same_top);
  put(out, "top_overlap", r.top_overlap);
}

}  // namespace

Json ppl_document(const PplResult& result) {
  Json out = eval_document(result.inputs);
  out["seconds"] = result.seconds;
  put(out, "ppl", result.figures.ppl);
  put(out, "ppl", result.interval);
  out["running_ppl"] = result.figures.running;
  out["chunk_nll"] = result.figures.chunk_nll;
  return out;
}

std::string ppl_text(const PplResult& result) {
  const std::optional<Interval>& interval = result.interval;
  return fmt::format("Final estimate: PPL = {:.4f} +/- {:.5f}\n", result.figures.ppl.value,
                     result.figures.ppl.error) +
         (interval
              ? fmt::format("95 % interval (Student, over blocks of chunks): {:.4f} to {:.4f}\n",
                            interval->low, interval->high)
              : "95 % interval: none, one chunk does not show how much chunks vary\n");
}

Json kld_document(const KldResult& result) {
  Json out = eval_document(result.inputs);
  out["seconds"] = result.seconds;
  put_divergence(out, result.figures);
  put(out, "ppl", result.intervals.ppl);
  put(out, "ppl_base", result.intervals.ppl_base);
  put(out, "ppl_ratio", result.intervals.ppl_ratio);
  put(out, "kld", result.intervals.kld);
  out["chunk_nll"] = result.chunks.nll;
  out["chunk_nll_base"] = result.chunks.nll_base;
  out["chunk_kld"] = result.chunks.kld;
  return out;
}

std::string kld_text(const KldResult& result) {
  return divergence_report(result.figures) + intervals_report(result.intervals);
}

}  // namespace lathe
