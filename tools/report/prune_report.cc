#include "tools/report/prune_report.h"

#include <fmt/core.h>

#include <algorithm>

#include "quant/plan/layer_list.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

constexpr std::size_t kSetsShown = 8;

std::string trials_text(const char* title, const std::vector<LayerTrial>& trials,
                        std::size_t most) {
  TextTable table({title, "KLD", "+-", "PPL"});
  for (std::size_t i = 0; i < std::min(most, trials.size()); ++i) {
    const LayerTrial& t = trials[i];
    table.add_row({layer_list_text(t.layers), fmt::format("{:.5f}", t.kld.value),
                   fmt::format("{:.5f}", t.kld.error), fmt::format("{:.3f}", t.ppl.value)});
  }
  return table.aligned();
}

}  // namespace

std::string prune_text(const PruneChoice& result) {
  const LayerChoice& choice = result.choice;
  std::string text = trials_text("without layer", choice.singles, choice.singles.size());
  if (!choice.sets.empty()) {
    std::vector<LayerTrial> best;
    for (const LayerTrial& t : choice.sets) {
      if (t.layers.size() == choice.chosen.layers.size()) best.push_back(t);
    }
    std::stable_sort(best.begin(), best.end(),
                     [](const auto& a, const auto& b) { return a.kld.value < b.kld.value; });
    text += "\n" + trials_text(choice.exhaustive ? "best of all sets" : "best of the last step",
                               best, kSetsShown);
  }
  return text + fmt::format(
                    "\nPPL of the whole model {:.3f}, {} tokens scored\n"
                    "--prune-layers {}\n\n",
                    result.ppl.value, result.n_scored, layer_list_text(choice.chosen.layers));
}

}  // namespace lathe
