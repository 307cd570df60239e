// The steps that measure models on texts and tasks: those that were not measured yet, together.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "tools/jobs/card_job.h"
#include "tools/jobs/release/figures_json.h"
#include "tools/jobs/release/run_step.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::vector<const StepEntry*> missing_entries(const StepContext& context, const ReleaseStep& step) {
  std::vector<const StepEntry*> out;
  for (const StepEntry& entry : step.entries) {
    if (context.state.find(entry.key, entry.identity) == nullptr) out.push_back(&entry);
  }
  return out;
}

// Of the parts of a run (texts, tests) as one share, by tokens.
class Parts {
 public:
  void expect(const std::vector<CardPart>& parts) {
    for (const CardPart& part : parts) n_all_ += static_cast<double>(part.n_tokens);
  }
  void begin(const CardPart& part) {
    name_ = part.name;
    n_done_ += n_now_;
    n_now_ = static_cast<double>(part.n_tokens);
  }
  double share(double fraction) const {
    return n_all_ > 0.0 ? (n_done_ + fraction * n_now_) / n_all_ : 0.0;
  }
  std::string step(std::string_view what) const {
    return name_.empty() ? std::string(what) : fmt::format("{} {}", name_, what);
  }

 private:
  double n_all_ = 0.0, n_done_ = 0.0, n_now_ = 0.0;
  std::string name_;
};

CardCallbacks callbacks_of(const StepContext& context, Parts& parts) {
  CardCallbacks callbacks;
  callbacks.notes = context.notes;
  callbacks.on_parts = [&](const std::vector<CardPart>& all) { parts.expect(all); };
  callbacks.on_part = [&](const CardPart& part) { parts.begin(part); };
  callbacks.on_progress = [&](double fraction, std::string_view what) {
    return context.progress(parts.share(fraction), parts.step(what));
  };
  return callbacks;
}

// A checkpoint for just these models on just this: another set has another name.
void use_checkpoint(const StepContext& context, const std::vector<const StepEntry*>& entries,
                    CardOptions& options) {
  RunIdentity of;
  for (const StepEntry* entry : entries) of.emplace_back(entry->key, entry->identity);
  const std::string name = "evaluation-" + identity_hash(of).substr(0, 16);
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(context.steps.work_folder, ignored)) {
    const std::string found = file.path().filename().string();
    options.eval.resume.resume |= found.starts_with(name) && !found.ends_with(kTemporarySuffix);
  }
  options.eval.resume.checkpoint = (fs::path(context.steps.work_folder) / name).string();
}

CardOptions card_options(const StepContext& context, const std::vector<const StepEntry*>& missing,
                         bool with_base, OutputGate& gate) {
  CardOptions options;
  options.eval.isa = context.engine.isa;
  options.eval.engine.n_threads = context.engine.n_threads;
  options.eval.resume.gate = &gate;
  use_checkpoint(context, missing, options);
  for (const StepEntry* entry : missing) {
    const ModelToMake& model = context.steps.models[entry->model];
    if (model.role != ReleaseRole::kSource) options.models.push_back(model.path);
  }
  if (with_base) options.base = context.recipe.source;
  if (options.models.empty()) {
    options.models.push_back(context.recipe.source);
    options.base.clear();
  }
  return options;
}

Json text_json(const CardText& text, const ReleaseTextInput& input) {
  Json out = {{"input", text_input_json(input)}};
  put_figure(out, "ppl", text.ppl);
  out["chunk_nll"] = text.chunk_nll;
  out["divergence"] = text.divergence ? divergence_json(*text.divergence) : Json(nullptr);
  out["chunk_kld"] = text.chunk_kld;
  return out;
}

Json tests_json(const CardModel& row, const std::vector<ReleaseTestInput>& inputs) {
  Json out = Json::array();
  for (std::size_t t = 0; t < row.tests.size(); ++t) {
    const CardTest& test = row.tests[t];
    std::string correct;
    for (const bool right : test.correct) correct += right ? '1' : '0';
    out.push_back({{"input", test_input_json(inputs[t])},
                   {"figures", test_figures_json({test.kind, test.summary.all.score,
                                                  test.summary.interval, test.summary.chance})},
                   {"correct", correct}});
  }
  return out;
}

ReleaseTextInput input_of(const TextInput& text, const std::string& name) {
  return {name, text.files, text.sha256, text.n_ctx, text.n_chunks, text.n_scored};
}

std::vector<ReleaseTestInput> inputs_of(const EvalInputs& inputs) {
  std::vector<ReleaseTestInput> out;
  for (const TestInput& test : inputs.tests) {
    ReleaseTestInput& input = out.emplace_back();
    input.kind = test.kind;
    for (const TaskFile& file : test.files) input.files.push_back(file.name);
    input.sha256 = test.sha256;
    input.n_available = test.n_available;
    input.n_tasks = test.n_tasks;
    input.seed = inputs.seed.value_or(0);
  }
  return out;
}

// The row of a model, by its path: those of the result are the base, then what was asked for.
std::map<std::string, std::size_t> rows_by_path(const CardResult& result) {
  std::map<std::string, std::size_t> rows;
  for (std::size_t row = 0; row < result.rows.size(); ++row) {
    rows.emplace(result.inputs.models[row].path, row);
  }
  return rows;
}

template <typename ToJson>
void put_rows(const StepContext& context, const std::vector<const StepEntry*>& missing,
              CardResult& result, ToJson to_json) {
  const auto rows = rows_by_path(result);
  for (const StepEntry* entry : missing) {
    const std::size_t row = rows.at(context.steps.models[entry->model].path);
    context.state.put(entry->key, entry->identity, to_json(result.rows[row]));
  }
  result.result_is_out();
}

}  // namespace

void evaluate_text(const StepContext& context, const ReleaseStep& step) {
  const ReleaseText& text = context.recipe.texts[step.text];
  const auto missing = missing_entries(context, step);
  OutputGate gate = context.gate;
  CardOptions options = card_options(context, missing, true, gate);
  options.eval.engine.n_ctx = text.n_ctx;
  options.text.files = text.files;
  options.text.max_chunks = text.max_chunks;
  Parts parts;
  CardResult result = run_card(options, callbacks_of(context, parts));
  const ReleaseTextInput input = input_of(*result.inputs.text, text.name);
  put_rows(context, missing, result,
           [&](const CardModel& row) { return text_json(*row.text, input); });
}

void evaluate_tasks(const StepContext& context, const ReleaseStep& step) {
  const auto missing = missing_entries(context, step);
  const bool with_source = missing.front()->model == 0;
  OutputGate gate = context.gate;
  CardOptions options = card_options(context, missing, with_source, gate);
  options.test_files = context.recipe.tasks.files;
  options.selection = {.n_tasks = context.recipe.tasks.n_tasks, .seed = context.recipe.tasks.seed};
  Parts parts;
  CardResult result = run_card(options, callbacks_of(context, parts));
  const auto inputs = inputs_of(result.inputs);
  put_rows(context, missing, result, [&](const CardModel& row) { return tests_json(row, inputs); });
}

}  // namespace lathe
