// From what the steps left to what there is to say: figures by model, and how models differ.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "quant/imatrix/imatrix.h"
#include "quant/stats/activation_stats.h"
#include "runtime/base/error.h"
#include "runtime/identity/build_info.h"
#include "tools/jobs/calibration_texts.h"
#include "tools/jobs/release/figures_json.h"
#include "tools/jobs/release/pruning.h"
#include "tools/jobs/release/release.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

class Assembler {
 public:
  Assembler(const ReleaseRecipe& recipe, const ReleaseInputs& inputs, const ReleaseSteps& steps,
            const ReleaseEngine& engine, const ReleaseState& state)
      : recipe_(recipe), inputs_(inputs), steps_(steps), engine_(engine), state_(state) {}

  ReleaseResults results() {
    put_inputs();
    for (const ModelToMake& model : steps_.models) add_model(model);
    measured_.resize(steps_.models.size());
    for (const ReleaseStep& step : steps_.steps) add_step(step);
    for (std::size_t m = 0; m < out_.models.size(); ++m) {
      if (!measured_[m].empty()) out_.models[m].average = card_average(measured_[m].front());
    }
    compare();
    put_importance();
    return std::move(out_);
  }

 private:
  const Json& entry(const StepEntry& of) const {
    const Json* found = state_.find(of.key, of.identity);
    if (found == nullptr) throw failed("the release is not complete: " + of.key + " is missing");
    return *found;
  }

  void put_inputs() {
    out_.lathe = {build_version(), build_commit(), build_id()};
    out_.name = inputs_.name;
    out_.card = inputs_.card;
    out_.source = inputs_.source;
    for (const std::string& text : recipe_.calibration.texts) {
      out_.calibration.push_back({fs::path(text).filename().string(), inputs_.hash_of(text)});
    }
    out_.calibration_n_ctx = recipe_.calibration.n_ctx;
    out_.cpu = engine_.cpu;
    out_.tier = engine_.tier;
    out_.n_threads = engine_.n_threads;
    if (const std::string& given = recipe_.calibration.imatrix; !given.empty()) {
      std::error_code ignored;
      out_.imatrix = {.name = fs::path(given).filename().string(),
                      .bytes = fs::file_size(given, ignored),
                      .sha256 = inputs_.hash_of(given)};
    }
  }

  void add_model(const ModelToMake& from) {
    ReleaseModel& model = out_.models.emplace_back();
    model.name = from.name;
    model.role = from.role;
    model.naive = from.naive;
    model.recipe = from.variant.recipe;
    if (from.role == ReleaseRole::kSource) {
      model.file = inputs_.source_file;
    } else {
      model.made = how_made(from.variant);
    }
  }

  // In the order in which it is done.
  std::vector<std::string> how_made(const ReleaseVariant& variant) const {
    std::vector<std::string> out;
    if (variant.prune_layers) out.push_back("without layers " + *variant.prune_layers);
    if (variant.prune > 0) out.push_back(words_of_choice(variant.prune, steps_, state_));
    if (!variant.plan_file.empty()) {
      out.push_back(fmt::format("plan {} (sha256 {:.16})",
                                fs::path(variant.plan_file).filename().string(),
                                inputs_.hash_of(variant.plan_file)));
    }
    for (const RuleOption& rule : variant.rules) {
      out.push_back("rule " + (rule.is_file ? fs::path(rule.text).filename().string() : rule.text));
    }
    if (variant.size) {
      out.push_back(fmt::format("measured plan for {:.2f} MB{}{}",
                                static_cast<double>(*variant.size) / 1e6,
                                variant.size_of.empty() ? "" : ", the size of ", variant.size_of));
    }
    if (!variant.output_type.empty()) out.push_back("output in " + variant.output_type);
    if (!variant.embedding_type.empty()) out.push_back("embedding in " + variant.embedding_type);
    if (variant.pure) out.push_back("pure");
    if (variant.calibrated) {
      const std::size_t asked = recipe_.calibration.max_tokens;
      out.push_back(fmt::format("calibrated rounding on {} tokens of the calibration texts",
                                asked == 0 ? kCalibrationTokens : asked));
    } else if (recipe_.has_imatrix()) {
      out.push_back(variant.use_imatrix ? "importance matrix" : "no importance matrix");
    }
    return out;
  }

  // ---- steps

  void add_step(const ReleaseStep& step) {
    switch (step.kind) {
      case StepKind::kImatrix: {
        const Json& result = entry(step.entries.front());
        out_.imatrix = file_of(result.at("file"));
        out_.calibration_n_chunks = result.at("n_chunks").get<std::size_t>();
        return;
      }
      case StepKind::kBlocks:
        out_.blocks = blocks_of(entry(step.entries.front()));
        return;
      case StepKind::kCosts:
      case StepKind::kPrune:
        return;
      case StepKind::kQuantize:
        return add_file(step.entries.front());
      case StepKind::kEvaluateText:
        return add_text(step);
      case StepKind::kEvaluateTasks:
        return add_tests(step);
      case StepKind::kSpeed:
        for (const StepEntry& of : step.entries) {
          out_.models[of.model].speed = speed_of(entry(of));
        }
    }
  }

  void add_file(const StepEntry& of) {
    const Json& result = entry(of);
    ReleaseModel& model = out_.models[of.model];
    const ModelToMake& planned = steps_.models[of.model];
    model.file = file_of(result.at("file"));
    model.errors = errors_of(result.at("errors"));
    for (const Json& note : result.at("notes")) model.made.push_back(note.get<std::string>());
    if (planned.recipe_tensor_bytes > 0) {  // metadata are about the same
      model.recipe_bytes = model.file.bytes + planned.recipe_tensor_bytes - planned.tensor_bytes;
    }
  }

  // Card models by text, so that all is compared in one family; tests belong to the first.
  CardModel& measured(std::size_t model, std::size_t text) {
    auto& all = measured_[model];
    if (all.size() <= text) all.resize(text + 1);
    return all[text];
  }

  void add_text(const ReleaseStep& step) {
    for (const StepEntry& of : step.entries) {
      const Json& result = entry(of);
      CardText text{get_figure(result, "ppl"), result.at("chunk_nll").get<std::vector<double>>(),
                    std::nullopt, result.at("chunk_kld").get<std::vector<double>>()};
      if (!result.at("divergence").is_null()) text.divergence = divergence_of(result["divergence"]);
      out_.models[of.model].texts.push_back({text.ppl, text.divergence});
      measured(of.model, step.text).text = std::move(text);
    }
    out_.texts.push_back(text_input_of(entry(step.entries.front()).at("input")));
  }

  void add_tests(const ReleaseStep& step) {
    for (const StepEntry& of : step.entries) {
      CardModel& card = measured(of.model, 0);
      for (const Json& result : entry(of)) {
        const TestFigures figures = test_figures_of(result.at("figures"));
        out_.models[of.model].tests.push_back(figures);
        CardTest& test = card.tests.emplace_back();
        test.kind = figures.kind;
        test.summary.all.score = figures.score;
        for (const char c : result.at("correct").get<std::string>())
          test.correct.push_back(c == '1');
      }
    }
    for (const Json& result : entry(step.entries.front())) {
      out_.tests.push_back(test_input_of(result.at("input")));
    }
  }

  // ---- differences: from the plain file of the size, and from the source

  void compare() {
    std::vector<CardPair> pairs;
    for (std::size_t m = 1; m < out_.models.size(); ++m) {
      if (out_.models[m].role != ReleaseRole::kVariant || measured_[m].empty()) continue;
      if (!out_.models[m].naive.empty()) add_pairs(m, index_of_model(out_.models[m].naive), pairs);
      add_pairs(m, 0, pairs);
    }
    const CardComparison comparison = compare_cards(pairs);
    out_.n_comparisons = comparison.n_comparisons;
    auto next = comparison.differences.begin();
    for (ReleaseDifference& difference : out_.differences) {
      for (CardDifference& text : difference.texts) {
        text = *next++;
        difference.tests.tests.insert(difference.tests.tests.end(), text.tests.begin(),
                                      text.tests.end());
        if (text.average) difference.tests.average = text.average;
        text.tests.clear();
        text.average.reset();
      }
      if (out_.texts.empty()) difference.texts.clear();
    }
  }

  void add_pairs(std::size_t m, std::size_t against, std::vector<CardPair>& pairs) {
    ReleaseDifference& difference = out_.differences.emplace_back();
    difference.name = out_.models[m].name;
    difference.against = out_.models[against].name;
    difference.texts.resize(measured_[m].size());
    for (std::size_t t = 0; t < measured_[m].size(); ++t) {
      pairs.push_back({&measured_[against][t], &measured_[m][t]});
    }
  }

  std::size_t index_of_model(const std::string& name) const {
    std::size_t m = 0;
    while (out_.models[m].name != name) ++m;
    return m;
  }

  void put_importance() {
    if (steps_.imatrix_path.empty()) return;
    const Imatrix imatrix = read_imatrix(steps_.imatrix_path);
    for (const ActivationStats& s : activation_stats(imatrix)) {
      out_.importance.push_back({s.tensor, s.layer, s.mean, s.zd});
    }
    if (out_.calibration_n_chunks == 0) {
      out_.calibration_n_chunks = imatrix.chunk_count;
      out_.calibration_n_ctx = imatrix.chunk_size;
    }
  }

  const ReleaseRecipe& recipe_;
  const ReleaseInputs& inputs_;
  const ReleaseSteps& steps_;
  const ReleaseEngine& engine_;
  const ReleaseState& state_;
  ReleaseResults out_;
  std::vector<std::vector<CardModel>> measured_;  // by model, then by text
};

}  // namespace

const ReleaseModel* ReleaseResults::find(const std::string& model) const noexcept {
  for (const ReleaseModel& m : models) {
    if (m.name == model) return &m;
  }
  return nullptr;
}

const ReleaseDifference* ReleaseResults::difference(const std::string& model,
                                                    const std::string& against) const noexcept {
  for (const ReleaseDifference& d : differences) {
    if (d.name == model && d.against == against) return &d;
  }
  return nullptr;
}

ReleaseResults assemble_results(const ReleaseRecipe& recipe, const ReleaseInputs& inputs,
                                const ReleaseSteps& steps, const ReleaseEngine& engine,
                                const ReleaseState& state) {
  return Assembler(recipe, inputs, steps, engine, state).results();
}

}  // namespace lathe
