#include "tools/jobs/release/steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/jobs/release/nearest_recipe.h"
#include "tools/jobs/release/pruning.h"
#include "tools/jobs/release/sized_plan.h"
#include "tools/jobs/release/state.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

std::string on(bool value) { return value ? "on" : "off"; }

class Planner {
 public:
  Planner(const ReleaseRecipe& recipe, const ReleaseInputs& inputs, const ReleaseEngine& engine)
      : recipe_(recipe), inputs_(inputs), engine_(engine) {}

  ReleaseSteps plan() {
    const fs::path output(recipe_.output);
    out_.work_folder = (output / "work").string();
    if (!recipe_.calibration.imatrix.empty()) {
      out_.imatrix_path = recipe_.calibration.imatrix;
    } else if (recipe_.has_imatrix()) {
      out_.imatrix_path = (output / (inputs_.name + "-imatrix.gguf")).string();
    }
    const auto is_sized = [](const ReleaseVariant& variant) { return variant.is_sized(); };
    if (std::any_of(recipe_.variants.begin(), recipe_.variants.end(), is_sized)) {
      out_.costs_path = (fs::path(out_.work_folder) / "costs.json").string();
    }
    add_models();
    add_imatrix();
    add_blocks();
    add_costs();
    add_pruning();
    add_quantizing();
    add_evaluations();
    add_speed();
    return std::move(out_);
  }

 private:
  // ---- models

  void add_models() {
    out_.models.push_back({.name = source_name(),
                           .role = ReleaseRole::kSource,
                           .path = recipe_.source,
                           .variant = {}});
    for (const ReleaseVariant& variant : recipe_.variants) {
      add_model(with_size(variant), ReleaseRole::kVariant,
                fs::path(recipe_.output) / file_name(variant));
    }
    const std::size_t n = out_.models.size();
    for (std::size_t m = 1; m < n; ++m) choose_naive(m);
  }

  // "F16": the recipe that the file names, as far as it can be told.
  std::string source_name() const {
    for (const Recipe& recipe : all_recipes()) {
      if (inputs_.header.file_type == recipe.file_type) return std::string(recipe.name);
    }
    return "source";
  }

  std::string file_name(const ReleaseVariant& variant) const {
    return fmt::format("{}-{}.gguf", inputs_.name, variant.name);
  }

  void add_model(const ReleaseVariant& variant, ReleaseRole role, const fs::path& path) {
    ModelToMake model{
        .name = variant.name, .role = role, .path = path.string(), .variant = variant};
    if (model.name == out_.models.front().name) out_.models.front().name += " (source)";
    model.tensor_bytes = tensor_bytes(variant);
    if (!variant.recipe.empty() && !variant.is_plain()) {
      model.recipe_tensor_bytes = tensor_bytes(naive_variant(variant.recipe));
    }
    out_.models.push_back(std::move(model));
  }

  std::uint64_t tensor_bytes(const ReleaseVariant& variant) const {
    if (variant.size) return sized_tensor_bytes(*variant.size);
    try {
      const PlanOptions options = plan_options(recipe_, out_, with_some_layers(variant));
      const Plan plan = plan_of(options, inputs_.header);
      refuse_without_importance(plan, options);
      return plan.bytes();
    } catch (const Error& error) {
      throw bad_input(recipe_.path, fmt::format("variant {}: {}", variant.name, error.what()));
    }
  }

  // Which layers go is measured later.
  ReleaseVariant with_some_layers(ReleaseVariant variant) const {
    if (variant.prune > 0) {
      variant.prune_layers = provisional_layers(variant.prune, inputs_.header.n_layer);
    }
    return variant;
  }

  // A size that is said by a recipe, in bytes: files have about as much metadata as the source.
  ReleaseVariant with_size(ReleaseVariant variant) const {
    if (!variant.size_of.empty()) {
      variant.size = metadata_bytes() + tensor_bytes(naive_variant(variant.size_of));
    }
    return variant;
  }

  // Of a file of this size.
  std::uint64_t sized_tensor_bytes(std::uint64_t file_bytes) const {
    const std::uint64_t metadata = metadata_bytes();
    return file_bytes > metadata ? file_bytes - metadata : 1;
  }

  std::uint64_t metadata_bytes() const {
    std::uint64_t bytes = inputs_.source_file.bytes;
    for (const TensorInfo& tensor : inputs_.header.tensors) bytes -= tensor.n_bytes;
    return bytes;
  }

  static void refuse_without_importance(const Plan& plan, const PlanOptions& options) {
    if (!options.imatrix.empty() || options.calibrated) return;
    for (const PlannedTensor& tensor : plan.tensors) {
      if (!tensor.needs_importance) continue;
      throw usage_error(fmt::format("{} as {} needs an importance matrix: texts of [calibration]",
                                    quoted(tensor.name), format_name(tensor.format)));
    }
  }

  // ---- naive ones

  static ReleaseVariant naive_variant(const std::string& recipe) {
    ReleaseVariant naive;
    naive.recipe = recipe;
    naive.name = recipe + "-naive";
    return naive;
  }

  void choose_naive(std::size_t m) {
    const ReleaseVariant& variant = out_.models[m].variant;
    if (variant.naive == NaiveChoice::kNone) return;
    if (variant.is_plain() && variant.naive == NaiveChoice::kNearest) return;
    std::string recipe = variant.naive_recipe;
    if (variant.naive == NaiveChoice::kNearest) {
      const std::string& own = variant.size_of.empty() ? variant.recipe : variant.size_of;
      recipe = nearest_recipe(
          out_.models[m].tensor_bytes, own, recipe_.has_imatrix(),
          [this](const std::string& name) { return tensor_bytes(naive_variant(name)); });
    }
    out_.models[m].naive = naive_of(recipe);
  }

  // The model that is just this recipe: a variant, or one that is made for that.
  std::string naive_of(const std::string& recipe) {
    for (const ModelToMake& model : out_.models) {
      if (model.variant.is_plain() && model.variant.recipe == recipe) return model.name;
    }
    const ReleaseVariant naive = naive_variant(recipe);
    add_model(naive, ReleaseRole::kNaive, fs::path(out_.work_folder) / file_name(naive));
    return naive.name;
  }

  // ---- identities

  RunIdentity base_identity() const {
    return {{"lathe", engine_.build}, {"source", inputs_.source_file.fingerprint}};
  }

  void put_engine(RunIdentity& of) const { of.emplace_back("kernels", engine_.tier); }

  void put_calibration(RunIdentity& of) const {
    const ReleaseCalibration& calibration = recipe_.calibration;
    for (const std::string& text : calibration.texts) {
      of.emplace_back("calibration text", inputs_.hash_of(text));
    }
    of.emplace_back("calibration context", std::to_string(calibration.n_ctx));
    of.emplace_back("calibration chunks", std::to_string(calibration.max_chunks));
  }

  std::string imatrix_identity() const {
    RunIdentity of = base_identity();
    if (!recipe_.calibration.imatrix.empty()) {
      of.emplace_back("imatrix", inputs_.hash_of(recipe_.calibration.imatrix));
      return identity_hash(of);
    }
    put_calibration(of);
    put_engine(of);
    return identity_hash(of);
  }

  std::string costs_identity() const {
    RunIdentity of = base_identity();
    put_calibration(of);
    of.emplace_back("of calibrated rounding", on(all_sized_are_calibrated(recipe_)));
    put_engine(of);
    return identity_hash(of);
  }

  std::string prune_identity(int n_prune) const {
    RunIdentity of = base_identity();
    for (const std::string& text : recipe_.calibration.texts) {
      of.emplace_back("calibration text", inputs_.hash_of(text));
    }
    of.emplace_back("layers to prune", std::to_string(n_prune));
    put_engine(of);
    return identity_hash(of);
  }

  RunIdentity file_identity(const ReleaseVariant& variant) const {
    RunIdentity of = base_identity();
    of.emplace_back("recipe", variant.recipe);
    if (!variant.plan_file.empty()) of.emplace_back("plan", inputs_.hash_of(variant.plan_file));
    for (const RuleOption& rule : variant.rules) {
      of.emplace_back("rule", rule.is_file ? inputs_.hash_of(rule.text) : rule.text);
    }
    if (variant.size) {
      of.emplace_back("size", std::to_string(*variant.size));
      of.emplace_back("costs", costs_identity());
    }
    of.emplace_back("pruned", variant.prune > 0 ? prune_identity(variant.prune)
                                                : variant.prune_layers.value_or(""));
    of.emplace_back("output type", variant.output_type);
    of.emplace_back("embedding type", variant.embedding_type);
    of.emplace_back("pure", on(variant.pure));
    of.emplace_back("healed", on(variant.heal));
    if (variant.heal) {
      put_calibration(of);
      of.emplace_back("healing tokens", std::to_string(recipe_.calibration.max_tokens));
      put_engine(of);
    }
    if (variant.calibrated) {
      put_calibration(of);
      of.emplace_back("calibrated tokens", std::to_string(recipe_.calibration.max_tokens));
      put_engine(of);
      return of;
    }
    const bool imatrix = variant.use_imatrix && recipe_.has_imatrix();
    of.emplace_back("imatrix", imatrix ? imatrix_identity() : "none");
    return of;
  }

  // ---- steps

  void add_imatrix() {
    if (out_.imatrix_path.empty() || !recipe_.calibration.imatrix.empty()) return;
    out_.steps.push_back(
        {StepKind::kImatrix, "importance matrix", {{"imatrix", imatrix_identity()}}});
  }

  void add_blocks() {
    if (recipe_.calibration.texts.empty()) return;
    RunIdentity of = base_identity();
    put_calibration(of);
    put_engine(of);
    out_.steps.push_back({StepKind::kBlocks, "block influence", {{"blocks", identity_hash(of)}}});
  }

  void add_costs() {
    if (out_.costs_path.empty()) return;
    out_.steps.push_back({StepKind::kCosts, "costs of types", {{"costs", costs_identity()}}});
  }

  void add_pruning() {
    std::set<int> numbers;
    for (const ReleaseVariant& variant : recipe_.variants) {
      if (variant.prune > 0) numbers.insert(variant.prune);
    }
    for (const int n : numbers) {
      const std::string title =
          n == 1 ? "which layer to prune" : fmt::format("which {} layers to prune", n);
      out_.steps.push_back(
          {StepKind::kPrune, title, {{fmt::format("prune {}", n), prune_identity(n)}}});
      out_.steps.back().n_prune = n;
    }
  }

  void add_quantizing() {
    out_.models.front().identity = inputs_.source_file.fingerprint;
    for (std::size_t m = 1; m < out_.models.size(); ++m) {
      ModelToMake& model = out_.models[m];
      model.identity = identity_hash(file_identity(model.variant));
      out_.steps.push_back({StepKind::kQuantize,
                            model.name + ": quantize",
                            {{"quantize " + model.name, model.identity, m}}});
    }
  }

  // A step of all models: the texts go through them together.
  ReleaseStep step_of_all(StepKind kind, const std::string& title, const std::string& key,
                          const RunIdentity& shared) const {
    ReleaseStep step{kind, title, {}};
    for (std::size_t m = 0; m < out_.models.size(); ++m) {
      RunIdentity of = shared;
      of.emplace_back("model", out_.models[m].identity);
      step.entries.push_back(
          {fmt::format("{} of {}", key, out_.models[m].name), identity_hash(of), m});
    }
    return step;
  }

  void add_evaluations() {
    for (std::size_t t = 0; t < recipe_.texts.size(); ++t) {
      const ReleaseText& text = recipe_.texts[t];
      RunIdentity of = base_identity();
      put_engine(of);
      for (const std::string& file : text.files) of.emplace_back("text", inputs_.hash_of(file));
      of.emplace_back("context", std::to_string(text.n_ctx));
      of.emplace_back("chunks", std::to_string(text.max_chunks));
      out_.steps.push_back(step_of_all(StepKind::kEvaluateText, "evaluate on " + text.name,
                                       "text " + text.name, of));
      out_.steps.back().text = t;
    }
    if (!recipe_.has_tasks()) return;
    RunIdentity of = base_identity();
    put_engine(of);
    for (const std::string& hash : inputs_.tasks_sha256) of.emplace_back("tasks", hash);
    of.emplace_back("number of tasks", std::to_string(recipe_.tasks.n_tasks));
    of.emplace_back("seed", std::to_string(recipe_.tasks.seed));
    out_.steps.push_back(step_of_all(StepKind::kEvaluateTasks, "evaluate on tasks", "tasks", of));
  }

  void add_speed() {
    if (!recipe_.speed.measure) return;
    RunIdentity of = base_identity();
    put_engine(of);
    of.emplace_back("cpu", engine_.cpu);
    of.emplace_back("threads", std::to_string(engine_.n_threads));
    of.emplace_back("repetitions", std::to_string(recipe_.speed.n_repetitions));
    ReleaseStep step = step_of_all(StepKind::kSpeed, "speed", "speed", of);
    std::erase_if(step.entries, [this](const StepEntry& entry) {
      return out_.models[entry.model].role == ReleaseRole::kNaive;
    });
    out_.steps.push_back(std::move(step));
  }

  const ReleaseRecipe& recipe_;
  const ReleaseInputs& inputs_;
  const ReleaseEngine& engine_;
  ReleaseSteps out_;
};

}  // namespace

const ModelToMake* ReleaseSteps::find(const std::string& model) const noexcept {
  for (const ModelToMake& m : models) {
    if (m.name == model) return &m;
  }
  return nullptr;
}

ReleaseSteps plan_release(const ReleaseRecipe& recipe, const ReleaseInputs& inputs,
                          const ReleaseEngine& engine) {
  return Planner(recipe, inputs, engine).plan();
}

PlanOptions plan_options(const ReleaseRecipe& recipe, const ReleaseSteps& steps,
                         const ReleaseVariant& variant) {
  PlanOptions options;
  options.model = recipe.source;
  options.recipe = variant.recipe;
  options.plan_file = variant.plan_file;
  options.rules = variant.rules;
  options.prune_layers = variant.prune_layers;
  options.output_type = variant.output_type;
  options.embedding_type = variant.embedding_type;
  options.pure = variant.pure;
  options.allow_requantize = recipe.allow_requantize;
  options.calibrated = variant.calibrated;
  if (variant.use_imatrix && !variant.calibrated) options.imatrix = steps.imatrix_path;
  return options;
}

}  // namespace lathe
