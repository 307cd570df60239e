#include "tools/jobs/release/pruning.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "quant/plan/layer_list.h"
#include "runtime/base/error.h"
#include "tools/jobs/prune_choice.h"
#include "tools/jobs/release/figures_json.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

const Json& choice_of(int n_prune, const ReleaseSteps& steps, const ReleaseState& state) {
  for (const ReleaseStep& step : steps.steps) {
    if (step.kind != StepKind::kPrune || step.n_prune != n_prune) continue;
    const StepEntry& entry = step.entries.front();
    if (const Json* found = state.find(entry.key, entry.identity)) return *found;
  }
  throw failed(fmt::format("which {} layers to prune is not measured yet", n_prune));
}

Json trial_json(const LayerTrial& trial) {
  Json out = {{"layers", trial.layers}};
  put_figure(out, "kld", trial.kld);
  put_figure(out, "ppl", trial.ppl);
  return out;
}

}  // namespace

std::string provisional_layers(int n_prune, int n_layer) {
  if (n_prune >= n_layer) {
    throw usage_error(
        fmt::format("prune = {}: the model has {} layers, of which at least one "
                    "remains",
                    n_prune, n_layer));
  }
  std::vector<int> layers(static_cast<std::size_t>(n_prune));
  std::iota(layers.begin(), layers.end(), n_layer - n_prune);
  return layer_list_text(layers);
}

ReleaseVariant with_chosen_layers(ReleaseVariant variant, const ReleaseSteps& steps,
                                  const ReleaseState& state) {
  if (variant.prune == 0) return variant;
  const Json& choice = choice_of(variant.prune, steps, state);
  variant.prune_layers = layer_list_text(choice.at("layers").get<std::vector<int>>());
  return variant;
}

std::string words_of_choice(int n_prune, const ReleaseSteps& steps, const ReleaseState& state) {
  const Json& choice = choice_of(n_prune, steps, state);
  const bool one = n_prune == 1;
  return fmt::format(
      "without layer{} {}, which cost{} least (KLD {:.4f} on calibration text, "
      "before anything else)",
      one ? "" : "s", layer_list_text(choice.at("layers").get<std::vector<int>>()), one ? "s" : "",
      get_figure(choice, "kld").value);
}

void choose_layers_of_source(const StepContext& context, const ReleaseStep& step) {
  const StepEntry& entry = step.entries.front();
  PruneRequest request;
  request.n_layers = step.n_prune;
  request.texts = context.recipe.calibration.texts;
  request.n_threads = context.engine.n_threads;
  // What there is to say of the text is said when the importance matrix is collected.
  const PruneChoice choice =
      choose_pruned(context.recipe.source, request, context.engine.isa, {}, context.progress);
  Json result = trial_json(choice.choice.chosen);
  for (const auto& [name, trials] :
       {std::pair{"singles", &choice.choice.singles}, std::pair{"sets", &choice.choice.sets}}) {
    result[name] = Json::array();
    for (const LayerTrial& trial : *trials) result[name].push_back(trial_json(trial));
  }
  context.state.put(entry.key, entry.identity, std::move(result));
}

}  // namespace lathe
