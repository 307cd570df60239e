#include "tools/jobs/card_run.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "models/registry.h"
#include "quant/eval/perplexity.h"
#include "runtime/base/error.h"
#include "runtime/text/tokenizer.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/jobs/engine.h"

namespace lathe {

CardRun::LoadedModel::LoadedModel(const std::string& path)
    : file(GgufFile::open(path)), model(load_model(file)) {}

CardRun::CardRun(const CardOptions& options, const std::string& isa)
    : options_(options),
      kernels_(kernels_of(isa)),
      pool_(ThreadPoolOptions{.n_threads = options.engine.n_threads}) {
  open_models();
  if (!options_.text.files.empty()) open_text_part();
  const GgufFile& first = models_.front()->file;
  const Tokenizer tokenizer = Tokenizer::from_metadata(first.metadata(), first.path());
  for (std::size_t i = 0; i < std::size(kCardTests); ++i) {
    if (!options_.test_files[i].empty()) {
      open_test(kCardTests[i], options_.test_files[i], tokenizer);
    }
  }
  if (options_.resume.resume) load_checkpoints();
  for_each_part([this](Part& part) { progress_.expect(part.n_tokens, part.done()); });
}

void CardRun::open_models() {
  if (!options_.base.empty() && is_divergence_base(options_.base)) {
    kept_ = open_divergence_base(options_.base);
  } else if (!options_.base.empty()) {
    models_.push_back(std::make_unique<LoadedModel>(options_.base));
  }
  for (const std::string& path : options_.models) {
    models_.push_back(std::make_unique<LoadedModel>(path));
    check_same_vocabulary(models_.front()->file.metadata(), models_.back()->file.metadata());
  }
  reference_ = base_is_model() ? 1 : 0;
  if (options_.against.empty()) return;
  const auto found = std::find_if(models_.begin(), models_.end(), [&](const auto& m) {
    return m->file.path() == options_.against;
  });
  if (found == models_.end()) {
    throw usage_error("--against " + options_.against + ": not one of the models (-m, --base)");
  }
  reference_ = static_cast<std::size_t>(found - models_.begin());
}

void CardRun::open_text_part() {
  const LoadedModel& first = *models_.front();
  text_.emplace(open_text(first.file, options_.text, options_.engine, &origin_));
  if (kept_) check_same_text(*kept_, *text_, first.model->traits().n_vocab);
  RunIdentity of = identity("text");
  of.emplace_back("text", origin_.all_sha256);
  of.emplace_back("context", std::to_string(text_->n_ctx()));
  of.emplace_back("number of chunks", std::to_string(text_->n_chunks()));
  of.emplace_back("base", kept_ ? kept_->description() : base_is_model() ? "model" : "none");
  text_part_ = {"text", "chunks", text_->n_chunks(), text_->n_tokens(),
                checkpoint("text", "chunks", std::move(of))};
}

void CardRun::open_test(TaskKind kind, const std::vector<std::string>& files,
                        const Tokenizer& tokenizer) {
  TaskSet set = read_tasks(kind, files);
  const auto selected = select_tasks(kind, set.tasks.size(), options_.selection);
  PreparedTasks tasks =
      prepare_tasks(kind, set.tasks, selected, tokenizer, options_.selection.compat);
  RunIdentity of = identity(task_name(kind));
  of.emplace_back("tasks", task_set_sha256(set));
  of.emplace_back("number of tasks", std::to_string(selected.size()));
  of.emplace_back("--seed", std::to_string(options_.selection.seed));
  Part part{std::string(task_title(kind)), "tasks", selected.size(), count_tokens(tasks),
            checkpoint(task_name(kind), "tasks", std::move(of))};
  tests_.push_back({std::move(part), std::move(set), std::move(tasks)});
}

RunIdentity CardRun::identity(std::string_view measure) const {
  RunIdentity of = {{"measure", "all: " + std::string(measure)}};
  for (std::size_t m = 0; m < models_.size(); ++m) {
    put_model(of, fmt::format("model {}", m + 1), models_[m]->file);
  }
  of.emplace_back("number of models", std::to_string(models_.size()));
  of.emplace_back("--compat", options_.selection.compat ? "yes" : "no");
  put_engine(of, options_.engine, kernels_);
  return of;
}

std::unique_ptr<EvalCheckpoint> CardRun::checkpoint(std::string_view measure, const char* units,
                                                    RunIdentity of) const {
  ResumeOptions options = options_.resume;
  if (!options.checkpoint.empty()) options.checkpoint += fmt::format(".{}", measure);
  return std::make_unique<EvalCheckpoint>(options, std::move(of), units);
}

void CardRun::load_checkpoints() {
  bool any = false;
  for_each_part([&](Part& part) {
    if (!part.checkpoint->exists()) return;
    part.records = part.checkpoint->load();
    any = true;
  });
  if (!any) throw usage_error("nothing to resume: there is no checkpoint of this run");
}

void CardRun::for_each_part(const std::function<void(Part&)>& call) {
  if (text_) call(text_part_);
  for (TestPart& test : tests_) call(test.part);
}

std::unique_ptr<ForwardRunner> CardRun::runner(std::size_t n_cells) {
  std::vector<RunModel> models;
  for (const auto& m : models_) models.push_back({*m->model, m->file.files(), {}, m->file.path()});
  return open_runner(std::move(models), options_.engine, options_.order, kernels_, pool_, n_cells,
                     notes_on_screen());
}

ChunkProgress CardRun::keeping(Part& part) {
  return [&](const UnitRecords& records, double fraction, std::string_view step) {
    progress_.update(fraction, step);
    part.checkpoint->offer(records);
    return !InterruptGuard::requested();
  };
}

void CardRun::measure() {
  if (text_) measure_text();
  for (TestPart& test : tests_) measure_test(test);
}

void CardRun::measure_text() {
  const auto runs = runner(text_->n_ctx());
  const EvalContext context{*runs, kernels_, pool_};
  UnitRecords& records = text_part_.records;
  begin_part(text_part_);
  if (kept_) {
    measure_divergence(context, *text_, *kept_, records, keeping(text_part_));
  } else if (base_is_model()) {
    measure_divergence(context, *text_, records, keeping(text_part_),
                       options_.selection.compat ? BasePrecision::k16Bits : BasePrecision::kFull);
  } else {
    measure_likelihoods(context, *text_, records, keeping(text_part_));
  }
  finish_part(text_part_);
}

void CardRun::measure_test(TestPart& test) {
  const auto runs = runner(task_cells(test.tasks, 0));
  begin_part(test.part);
  measure_tasks({*runs, kernels_, pool_}, test.tasks, test.part.records, keeping(test.part));
  finish_part(test.part);
}

void CardRun::begin_part(const Part& part) {
  progress_.begin(part.name, part.n_tokens, part.done());
}

void CardRun::finish_part(Part& part) {
  progress_.end(fmt::format("{} {}", part.records.size(), part.units));
  part.checkpoint->save(part.records);
}

void CardRun::interrupted() {
  progress_.clear();
  for_each_part([](Part& part) { part.checkpoint->save(part.records); });
  fmt::print(stderr, "what is done is kept; the same command with --resume goes on\n");
}

void CardRun::finish() {
  for_each_part([](Part& part) { part.checkpoint->finish(); });
}

CardText CardRun::card_text(std::size_t m) const {
  const ChunkRecords& records = text_part_.records;
  const std::size_t n = models_.size();
  if (kept_) return card_text_of_candidate(records, m, n);
  if (!base_is_model()) return card_text_of_likelihoods(records, m, n);
  return m == 0 ? card_text_of_base(records, n - 1) : card_text_of_candidate(records, m - 1, n - 1);
}

std::vector<CardRow> CardRun::rows() const {
  std::vector<CardRow> rows;
  for (std::size_t m = 0; m < models_.size(); ++m) {
    CardRow& row = rows.emplace_back(CardRow{&models_[m]->file, m == 0 && base_is_model(), {}});
    if (text_) row.figures.text = card_text(m);
    for (const TestPart& test : tests_) {
      row.figures.tests.push_back(card_test(test.tasks, test.part.records, m));
    }
  }
  return rows;
}

CardInputs CardRun::inputs() const {
  CardInputs inputs{.models = {},
                    .base = kept_ ? kept_->description() : "",
                    .text = std::nullopt,
                    .tests = {},
                    .seed = options_.selection.seed,
                    .compat = options_.selection.compat,
                    .tier = std::string(kernels_.tier)};
  for (const auto& m : models_) inputs.models.push_back(&m->file);
  if (text_) inputs.text.emplace(CardInputs::Text{origin_, text_->n_chunks(), text_->n_ctx()});
  for (const TestPart& test : tests_) inputs.tests.push_back({test.set, test.tasks.tasks.size()});
  return inputs;
}

}  // namespace lathe
