#include "quant/eval/divergence_report.h"

#include <fmt/format.h>

namespace lathe {
namespace {

std::string line(std::string_view label, const Estimate& e) {
  return fmt::format("{:<30}: {:10.6f} ± {:10.6f}\n", label, e.value, e.error);
}

}  // namespace

std::string percentile_name(double f) {
  if (f == 1.0) return "Maximum";
  if (f == 0.5) return "Median";
  if (f == 0.0) return "Minimum";
  return fmt::format("{:4.1f}%", 100.0 * f);
}

std::string divergence_chunk_header() {
  return "\nchunk             PPL               ln(PPL(Q)/PPL(base))          KL Divergence"
         "              Δp RMS            Same top p\n";
}

std::string divergence_chunk_line(std::size_t chunk, const DivergenceResult& r) {
  return fmt::format(
      "{:4}  {:10.4f} ± {:9.4f}  {:12.5f} ± {:10.5f}  {:12.5f} ± {:10.5f}  {:8.3f} ± {:6.3f} %  "
      "{:8.3f} ± {:6.3f} %\n",
      chunk + 1, r.ppl.value, r.ppl.error, r.ln_ppl_ratio.value, r.ln_ppl_ratio.error, r.kld.value,
      r.kld.error, 100.0 * r.rms_delta_p.value, 100.0 * r.rms_delta_p.error,
      100.0 * r.same_top.value, 100.0 * r.same_top.error);
}

std::string divergence_report(const DivergenceResult& r) {
  std::string out = "\n====== Perplexity statistics ======\n";
  out += line("Mean PPL(Q)", r.ppl);
  out += line("Mean PPL(base)", r.ppl_base);
  out += fmt::format("Cor(ln(PPL(Q)), ln(PPL(base))): {:6.2f}%\n", 100.0 * r.ln_ppl_correlation);
  out += line("Mean ln(PPL(Q)/PPL(base))", r.ln_ppl_ratio);
  out += line("Mean PPL(Q)/PPL(base)", r.ppl_ratio);
  out += line("Mean PPL(Q)-PPL(base)", r.ppl_difference);

  out += "\n====== KL divergence statistics ======\n";
  out += fmt::format("Mean    KLD: {:10.6f} ± {:10.6f}\n", r.kld.value, r.kld.error);
  for (std::size_t i = 0; i < kKldPercentiles.size(); ++i) {
    out += fmt::format("{:<7} KLD: {:10.6f}\n", percentile_name(kKldPercentiles[i]),
                       r.kld_percentiles[i]);
  }

  out += "\n====== Token probability statistics ======\n";
  out += fmt::format("Mean    Δp: {:6.3f} ± {:5.3f} %\n", 100.0 * r.delta_p.value,
                     100.0 * r.delta_p.error);
  for (std::size_t i = 0; i < kDeltaPercentiles.size(); ++i) {
    out += fmt::format("{:<7} Δp: {:6.3f}%\n", percentile_name(kDeltaPercentiles[i]),
                       100.0 * r.delta_p_percentiles[i]);
  }
  out += fmt::format("RMS Δp    : {:6.3f} ± {:5.3f} %\n", 100.0 * r.rms_delta_p.value,
                     100.0 * r.rms_delta_p.error);
  out += fmt::format("Same top p: {:6.3f} ± {:5.3f} %\n", 100.0 * r.same_top.value,
                     100.0 * r.same_top.error);
  out += fmt::format("Same top {}: {:5.2f} ± {:4.2f} %\n", kTopOverlap, 100.0 * r.top_overlap.value,
                     100.0 * r.top_overlap.error);
  return out;
}

}  // namespace lathe
