#include "tools/jobs/card_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "quant/eval/perplexity.h"
#include "quant/eval/tasks/measure_tasks.h"
#include "quant/eval/tasks/read_tasks.h"
#include "runtime/base/error.h"
#include "runtime/text/tokenizer.h"
#include "tools/jobs/card_compare.h"
#include "tools/jobs/eval_base.h"

namespace lathe {
namespace {

class CardJob {
 public:
  CardJob(const CardOptions& options, const CardCallbacks& callbacks)
      : options_(options),
        callbacks_(callbacks),
        kernels_(kernels_of(options.eval.isa)),
        pool_(ThreadPoolOptions{.n_threads = options.eval.engine.n_threads}),
        base_(open_base(options.base)) {
    open_models();
    open_text_part();
    const TensorSource& first = models_.front()->file;
    const Tokenizer tokenizer = Tokenizer::from_metadata(first.metadata(), first.path());
    if (!text_) say_all(tokenizer.warnings());
    for (std::size_t i = 0; i < std::size(kCardTests); ++i) {
      if (!options_.test_files[i].empty()) {
        open_test(kCardTests[i], options_.test_files[i], tokenizer);
      }
    }
    open_work();
  }

  CardResult run() {
    load();
    if (callbacks_.on_begin) callbacks_.on_begin(inputs_);
    if (callbacks_.on_parts) callbacks_.on_parts(card_parts());
    if (text_) measure_text();
    for (TestPart& test : tests_) measure_test(test);
    return result();
  }

 private:
  struct Part {
    std::string name, units;
    std::size_t n_units = 0;
    std::size_t n_tokens = 0;
    std::string suffix;  // of --checkpoint
    EvalInputs inputs;   // of this part alone
    std::optional<MeasuredWork> work{};

    double done() const noexcept {
      return static_cast<double>(work->records().size()) / static_cast<double>(n_units);
    }
    CardPart card_part() const { return {name, n_tokens, done()}; }
  };
  struct TestPart {
    Part part;
    TaskSet set;
    PreparedTasks tasks;
    std::size_t n_cells;
  };

  void say_all(const std::vector<std::string>& warnings) const {
    for (const std::string& warning : warnings) callbacks_.notes.warn(warning);
  }

  void open_models() {
    inputs_.measure = "eval all";
    inputs_.compat = options_.selection.compat;
    put_engine(inputs_, options_.eval.engine, kernels_);
    if (base_.is_model()) models_.push_back(std::move(base_.model));
    base_is_model_ = !models_.empty();
    for (const std::string& path : options_.models) {
      models_.push_back(std::make_unique<LoadedModel>(path));
      check_same_vocabulary(models_.front()->file.metadata(), models_.back()->file.metadata());
    }
    for (const auto& m : models_) {
      inputs_.models.push_back(describe_model(m->file, pool_, callbacks_));
    }
    name_models(inputs_.models);
    say_all(same_models(inputs_.models));
    reference_ = reference_model(inputs_.models, options_.against, base_is_model_ ? 1 : 0);
    if (base_is_model_) inputs_.base = inputs_.models.front();
    if (base_.is_file()) inputs_.base_file = describe_base(*base_.kept, callbacks_);
  }

  void open_text_part() {
    if (options_.text.files.empty()) return;
    const LoadedModel& first = *models_.front();
    TextOrigin origin;
    text_.emplace(open_text(first.file, options_.text, options_.eval.engine, &origin));
    say_all(origin.warnings);
    if (base_.is_file()) check_same_text(*base_.kept, *text_, first.model->traits().n_vocab);
    inputs_.text = describe_text(*text_, options_.text, origin);
    text_part_ = {"text",  "chunks", text_->n_chunks(), text_->n_tokens(),
                  ".text", inputs_,  std::nullopt};
    text_part_.inputs.measure = "eval all, text";
  }

  void open_test(TaskKind kind, const std::vector<std::string>& files, const Tokenizer& tokenizer) {
    TaskSet set = read_tasks(kind, files);
    if (options_.selection.n_tasks > set.tasks.size()) {
      callbacks_.notes.say(fmt::format("{}: {} tasks are asked for, the files have {}",
                                       task_title(kind), options_.selection.n_tasks,
                                       set.tasks.size()));
    }
    const auto selected = select_tasks(kind, set.tasks.size(), options_.selection);
    PreparedTasks tasks =
        prepare_tasks(kind, set.tasks, selected, tokenizer, options_.selection.compat);
    const std::size_t n_cells = task_cells(tasks, 0);
    const std::string name(task_name(kind));
    inputs_.seed = options_.selection.seed;
    inputs_.tests.push_back(describe_test(set, selected.size(), n_cells));
    Part part{std::string(task_title(kind)),
              "tasks",
              selected.size(),
              count_tokens(tasks),
              "." + name,
              test_inputs(),
              std::nullopt};
    tests_.push_back({std::move(part), std::move(set), std::move(tasks), n_cells});
  }

  // The last test's: what is measured of a text has no part in it.
  EvalInputs test_inputs() const {
    EvalInputs of = inputs_;
    of.measure = fmt::format("eval all, {}", task_name(inputs_.tests.back().kind));
    of.text.reset();
    of.base.reset();
    of.base_file.reset();
    of.tests = {inputs_.tests.back()};
    return of;
  }

  template <typename Call>
  void for_each_part(Call call) {
    if (text_) call(text_part_);
    for (TestPart& test : tests_) call(test.part);
  }

  void open_work() {
    for_each_part([&](Part& part) {
      ResumeOptions resume = options_.eval.resume;
      if (!resume.checkpoint.empty()) resume.checkpoint += part.suffix;
      part.work.emplace(resume, part.inputs, part.units, callbacks_.notes);
    });
  }

  // Parts that an earlier run did not come to begin afresh; one at least has to be there.
  void load() {
    bool any = false;
    for_each_part([&](Part& part) { any |= part.work->keeper().exists(); });
    for_each_part([&](Part& part) {
      CheckpointKeeper& keeper = part.work->keeper();
      const bool skipped = options_.eval.resume.resume && any && !keeper.exists();
      if (!skipped) part.work->records() = keeper.load(part.n_units);
    });
  }

  std::vector<CardPart> card_parts() {
    std::vector<CardPart> parts;
    for_each_part([&](const Part& part) { parts.push_back(part.card_part()); });
    return parts;
  }

  std::unique_ptr<ForwardRunner> runner(std::size_t n_cells) {
    std::vector<RunModel> models;
    for (const auto& m : models_) {
      models.push_back({*m->model, m->file.files(), {}, m->file.path()});
    }
    return open_runner(std::move(models), options_.eval.engine, options_.eval.order, kernels_,
                       pool_, n_cells, callbacks_.notes);
  }

  ChunkProgress keeping(Part& part) {
    return [&](const UnitRecords& records, double fraction, std::string_view step) {
      part.work->keeper().offer(records);
      return part.work->go_on([&] { return callbacks_.go_on(fraction, step); });
    };
  }

  // What is complete is kept at once: the parts after it may take hours.
  void measure_part(Part& part, const std::function<void(UnitRecords&)>& measure) {
    if (callbacks_.on_part) callbacks_.on_part(part.card_part());
    part.work->run([&] { measure(part.work->records()); }, [&] { keep_all(); });
    part.work->keeper().save(part.work->records());
    if (callbacks_.on_part_done) {
      callbacks_.on_part_done(part.card_part(),
                              fmt::format("{} {}", part.work->records().size(), part.units));
    }
  }

  void keep_all() {
    for_each_part([](Part& each) { each.work->keeper().save(each.work->records()); });
    callbacks_.notes.say("what is done is kept; the same command with --resume goes on");
  }

  void measure_text() {
    const auto runs = runner(text_->n_ctx());
    const EvalContext context{*runs, kernels_, pool_};
    const ChunkProgress progress = keeping(text_part_);
    measure_part(text_part_, [&](UnitRecords& records) {
      if (base_.is_file()) {
        measure_divergence(context, *text_, *base_.kept, records, progress);
      } else if (base_is_model_) {
        measure_divergence(
            context, *text_, records, progress,
            options_.selection.compat ? BasePrecision::k16Bits : BasePrecision::kFull);
      } else {
        measure_likelihoods(context, *text_, records, progress);
      }
    });
  }

  void measure_test(TestPart& test) {
    const auto runs = runner(test.n_cells);
    measure_part(test.part, [&](UnitRecords& records) {
      measure_tasks({*runs, kernels_, pool_}, test.tasks, records, keeping(test.part));
    });
  }

  CardText card_text(std::size_t m) const {
    const ChunkRecords& records = text_part_.work->records();
    const std::size_t n = models_.size();
    if (base_.is_file()) return card_text_of_candidate(records, m, n);
    if (!base_is_model_) return card_text_of_likelihoods(records, m, n);
    return m == 0 ? card_text_of_base(records, n - 1)
                  : card_text_of_candidate(records, m - 1, n - 1);
  }

  CardResult result() {
    CardResult out{.inputs = inputs_, .rows = {}, .tables = {}, .comparison = {}, .work = {}};
    for (std::size_t m = 0; m < models_.size(); ++m) {
      CardModel& row = out.rows.emplace_back();
      if (text_) row.text = card_text(m);
      for (const TestPart& test : tests_) {
        row.tests.push_back(card_test(test.tasks, test.part.work->records(), m));
      }
    }
    compare_models(reference_, options_.all_pairs, out);
    for_each_part([&](Part& part) { out.work.push_back(std::move(*part.work)); });
    return out;
  }

  const CardOptions& options_;
  const CardCallbacks& callbacks_;
  KernelTable kernels_;
  ThreadPool pool_;  // before the models: it decides where pages go (NUMA)
  EvalBase base_;    // its model, if it is one, moves to models_
  bool base_is_model_ = false;
  std::vector<std::unique_ptr<LoadedModel>> models_;  // the base first, if it is one
  std::size_t reference_ = 0;
  EvalInputs inputs_;
  std::optional<TextChunks> text_;
  Part text_part_;  // used with text_
  std::vector<TestPart> tests_;
};

}  // namespace

bool CardOptions::has_tests() const noexcept {
  return std::any_of(test_files.begin(), test_files.end(),
                     [](const auto& files) { return !files.empty(); });
}

void CardResult::keep() {
  for (MeasuredWork& part : work) part.keep();
}

void CardResult::result_is_out() {
  for (MeasuredWork& part : work) part.result_is_out();
}

CardResult run_card(const CardOptions& options, const CardCallbacks& callbacks) {
  return CardJob(options, callbacks).run();
}

}  // namespace lathe
