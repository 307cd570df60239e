// The table of a published card: several models through a text and several tests, together.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "quant/eval/card/card_difference.h"
#include "quant/eval/card/card_figures.h"
#include "quant/eval/tasks/select.h"
#include "tools/jobs/eval_job.h"

namespace lathe {

struct CardOptions {
  EvalOptions eval;  // eval.engine.model and eval.skip_layers are not used
  std::vector<std::string> models;
  std::string base;     // a model, a base file, or empty
  std::string against;  // one of the models; empty: the first candidate
  bool all_pairs = false;
  TextOptions text;  // no files: tests only
  std::array<std::vector<std::string>, std::size(kCardTests)> test_files;
  TaskSelection selection{.n_tasks = 750};  // as published cards have it

  bool has_tests() const noexcept;
};

// A text or a test: what is measured one after another.
struct CardPart {
  std::string name;          // "text", "HellaSwag"
  std::size_t n_tokens = 0;  // of one model
  double done = 0.0;         // share that an earlier run has done
};

struct CardCallbacks : EvalCallbacks {
  std::function<void(const std::vector<CardPart>&)> on_parts{};  // before the first
  std::function<void(const CardPart&)> on_part{};                // on_progress is of it from now on
  std::function<void(const CardPart&, std::string_view amount)> on_part_done{};  // "750 tasks"
};

// Every other model of `rows` against one of them.
struct CardTable {
  struct Pair {
    std::size_t row;
    double size_change = 0.0;  // bytes of its file / of the reference's - 1
    CardDifference change;
  };
  std::size_t reference = 0;
  std::vector<Pair> pairs;
};

struct CardResult {
  EvalInputs inputs;  // inputs.models: the rows, the base first if it is a model
  std::vector<CardModel> rows;
  std::vector<CardTable> tables;  // empty for a single model
  CardComparison comparison;      // all pairs of all tables: one family of tests
  std::vector<MeasuredWork> work;
  bool is_base(std::size_t row) const noexcept { return row == 0 && inputs.base.has_value(); }
  void keep();
  void result_is_out();
};

// Errors as run_ppl()'s; (kUsage) also where models, base and text do not belong together.
CardResult run_card(const CardOptions& options, const CardCallbacks& callbacks);

}  // namespace lathe
