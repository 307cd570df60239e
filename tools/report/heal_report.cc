#include "tools/report/heal_report.h"

#include <fmt/core.h>

#include <algorithm>

#include "tools/report/text_table.h"

namespace lathe {
namespace {

std::string what_was_done(const HealedHalf& half) {
  if (half.kept_old) return "kept as it was: no better on held-out text";
  if (half.n_units == 0) return "refitted";
  const bool heads = half.output == TensorRole::kAttnOutput;
  return fmt::format("{} of {} {} from pruned layers", half.n_from_pruned, half.n_units,
                     heads ? "groups of heads" : "neurons");
}

std::string halves_text(const std::vector<HealedHalf>& halves) {
  TextTable table({"healed", "error before %", "after %", ""});
  for (const HealedHalf& half : halves) {
    table.add_row({tensor_name({half.output, half.layer}),
                   fmt::format("{:.2f}", 100.0 * half.error_before),
                   fmt::format("{:.2f}", 100.0 * half.error_after), what_was_done(half)});
  }
  return table.aligned();
}

std::string figures_text(const HealFigures& figures) {
  TextTable table({"on held-out text", "PPL", "KLD", "+-", "same top %"});
  table.add_row({"original", fmt::format("{:.3f}", figures.pruned.ppl_base.value), "", "", ""});
  const auto add = [&](const char* name, const DivergenceResult& r) {
    table.add_row({name, fmt::format("{:.3f}", r.ppl.value), fmt::format("{:.5f}", r.kld.value),
                   fmt::format("{:.5f}", r.kld.error),
                   fmt::format("{:.1f}", 100.0 * r.same_top.value)});
  };
  add("pruned", figures.pruned);
  add("pruned and healed", figures.healed);
  return table.aligned();
}

}  // namespace

std::string heal_text(const HealOutcome& outcome, const std::string& time) {
  const HealResult& result = outcome.result;
  const std::string taken_up =
      result.n_taken_up == 0
          ? ""
          : fmt::format("; {} layers were healed before the interruption", result.n_taken_up);
  return halves_text(result.halves) + "\n" + figures_text(outcome.figures) +
         fmt::format("healed on {} tokens, {} more held out, in {}{}\n\n", result.n_fitted,
                     result.n_held_out, time, taken_up);
}

std::vector<std::string> heal_warnings(const HealOutcome& outcome) {
  std::vector<std::string> warnings;
  const auto& halves = outcome.result.halves;
  const auto n_kept = std::count_if(halves.begin(), halves.end(),
                                    [](const HealedHalf& half) { return half.kept_old; });
  if (n_kept > 0) {
    warnings.push_back(fmt::format(
        "{} of {} fits were no better on held-out text and were not taken", n_kept, halves.size()));
  }
  if (!(outcome.figures.healed.kld.value < outcome.figures.pruned.kld.value)) {
    warnings.push_back("the healed model is no nearer to the original than the pruned one");
  }
  return warnings;
}

}  // namespace lathe
