// The work of `lathe eval all`: several models through a text and the tests of a card, together.
#pragma once

#include <array>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "quant/eval/base/divergence_base.h"
#include "quant/eval/card/card_figures.h"
#include "quant/eval/tasks/read_tasks.h"
#include "quant/eval/tasks/select.h"
#include "tools/cli/card_progress.h"
#include "tools/jobs/eval_resume.h"
#include "tools/jobs/runner.h"
#include "tools/jobs/texts.h"
#include "tools/report/card_inputs.h"
#include "tools/report/card_report.h"
#include "tools/report/eval_output.h"

namespace lathe {

class Tokenizer;

struct CardOptions {
  std::vector<std::string> models;
  std::string base;     // a model, a base file, or empty
  std::string against;  // one of the models; empty: the first candidate
  bool all_pairs = false;
  EngineOptions engine;
  TextOptions text;
  std::array<std::vector<std::string>, std::size(kCardTests)> test_files;
  TaskSelection selection{.n_tasks = 750};  // as published cards have it
  OrderOptions order;
  ResumeOptions resume;
  OutputForm form;
};

class CardRun {
 public:
  // Opens all files. Error (kUsage) where models, base or text do not belong together.
  CardRun(const CardOptions& options, const std::string& isa);

  // Errors as measure_chunks() and measure_tasks().
  void measure();
  // Keeps what was measured, and says how to go on.
  void interrupted();
  // The result is out: nothing needs to be kept any more.
  void finish();

  std::vector<CardRow> rows() const;
  CardInputs inputs() const;
  // The row that the others are compared with.
  std::size_t reference() const noexcept { return reference_; }

 private:
  struct LoadedModel {
    explicit LoadedModel(const std::string& path);

    GgufFile file;
    std::unique_ptr<Model> model;
  };
  // What is measured, and what has been so far.
  struct Part {
    std::string name;
    const char* units = "";
    std::size_t n_units = 0;
    std::size_t n_tokens = 0;  // of one model
    std::unique_ptr<EvalCheckpoint> checkpoint{};
    UnitRecords records{};

    double done() const noexcept {
      return static_cast<double>(records.size()) / static_cast<double>(n_units);
    }
  };
  struct TestPart {
    Part part;
    TaskSet set;
    PreparedTasks tasks;
  };

  bool base_is_model() const noexcept { return !options_.base.empty() && !kept_; }

  void open_models();
  void open_text_part();
  void open_test(TaskKind kind, const std::vector<std::string>& files, const Tokenizer& tokenizer);
  void load_checkpoints();
  RunIdentity identity(std::string_view measure) const;
  std::unique_ptr<EvalCheckpoint> checkpoint(std::string_view measure, const char* units,
                                             RunIdentity of) const;
  void for_each_part(const std::function<void(Part&)>& call);

  std::unique_ptr<ForwardRunner> runner(std::size_t n_cells);
  ChunkProgress keeping(Part& part);
  void measure_text();
  void measure_test(TestPart& test);
  void begin_part(const Part& part);
  void finish_part(Part& part);
  CardText card_text(std::size_t m) const;

  const CardOptions& options_;
  KernelTable kernels_;
  ThreadPool pool_;  // before the models: it decides where pages go (NUMA)
  std::unique_ptr<DivergenceBase> kept_;
  std::vector<std::unique_ptr<LoadedModel>> models_;  // the base first, if it is one
  std::size_t reference_ = 0;
  TextOrigin origin_;
  std::optional<TextChunks> text_;
  Part text_part_;  // used with text_
  std::vector<TestPart> tests_;
  CardProgress progress_;
};

}  // namespace lathe
