// lathe eval all: every measure of a published card for several models, in one run and one table.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>

#include "runtime/base/error.h"
#include "tools/cli/interrupt.h"
#include "tools/commands/eval_commands.h"
#include "tools/commands/options/engine_options.h"
#include "tools/commands/options/output_options.h"
#include "tools/commands/options/resume_options.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/commands/options/text_options.h"
#include "tools/jobs/card_run.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

void check(const CardOptions& options) {
  const bool has_tests = std::any_of(options.test_files.begin(), options.test_files.end(),
                                     [](const auto& files) { return !files.empty(); });
  if (!options.text.files.empty()) return;
  if (!has_tests) {
    throw usage_error("nothing to measure: give a text (-f) or the tasks of a test (--arc, ...)");
  }
  if (!options.base.empty()) throw usage_error("--base: a divergence needs a text (-f)");
}

// A table of differences: the rows that take part, and which of them is the reference.
struct Comparison {
  std::span<const CardRow> rows;
  std::size_t reference;
  std::span<const CardDifference> differences{};  // of the other rows
};

// All tables of a report are one family of comparisons.
CardComparison compare(std::vector<Comparison>& tables) {
  std::vector<CardPair> pairs;
  for (const Comparison& t : tables) {
    for (std::size_t i = 0; i < t.rows.size(); ++i) {
      if (i != t.reference) pairs.push_back({&t.rows[t.reference].figures, &t.rows[i].figures});
    }
  }
  CardComparison out = compare_cards(pairs);
  std::span<const CardDifference> rest(out.differences);
  for (Comparison& t : tables) {
    t.differences = rest.first(t.rows.size() - 1);
    rest = rest.subspan(t.rows.size() - 1);
  }
  return out;
}

std::vector<Comparison> comparisons(std::span<const CardRow> rows, std::size_t reference,
                                    bool all_pairs) {
  if (rows.size() < 2) return {};
  if (!all_pairs) return {{rows, reference}};
  std::vector<Comparison> out;
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) out.push_back({rows.subspan(i), 0});
  return out;
}

void print_tables(std::span<const CardRow> rows, const std::vector<Comparison>& tables,
                  const CardComparison& comparison, const CardInputs& inputs, bool markdown) {
  fmt::print("{}", card_table(rows, markdown));
  for (const Comparison& t : tables) {
    fmt::print("\n{}", difference_table(t.rows, t.reference, t.differences, markdown));
  }
  if (!tables.empty()) fmt::print("\n{}", comparison_words(comparison));
  fmt::print("\n{}", inputs_table(inputs, markdown));
}

void print_json(std::span<const CardRow> rows, const std::vector<Comparison>& tables,
                const CardComparison& comparison, const CardInputs& inputs,
                const OutputForm& form) {
  Json out = inputs_json(inputs);
  out["models"] = card_json(rows);
  out["differences"] = Json::array();
  for (const Comparison& t : tables) {
    for (const Json& pair : difference_json(t.rows, t.reference, t.differences))
      out["differences"].push_back(pair);
  }
  out["n_comparisons"] = comparison.n_comparisons;
  print_result(out, form);
}

// A line a model, each with what it is of.
void print_csv(std::span<const CardRow> rows, const CardInputs& inputs, const OutputForm& form) {
  Json lines = Json::array();
  for (const Json& model : card_json(rows)) {
    lines.push_back(flat_inputs_json(inputs));
    lines.back().update(model);
  }
  print_result(lines, form);
}

void print(const CardRun& run, const CardOptions& options) {
  const std::vector<CardRow> rows = run.rows();
  std::vector<Comparison> tables = comparisons(rows, run.reference(), options.all_pairs);
  const CardComparison comparison = compare(tables);
  if (options.form.json) {
    print_json(rows, tables, comparison, run.inputs(), options.form);
  } else if (options.form.csv) {
    print_csv(rows, run.inputs(), options.form);
  } else {
    print_tables(rows, tables, comparison, run.inputs(), options.form.markdown);
  }
}

void add_test_options(CLI::App& command, CardOptions& options) {
  const char* const group = "Tests";
  for (std::size_t i = 0; i < std::size(kCardTests); ++i) {
    command
        .add_option(fmt::format("--{}", task_name(kCardTests[i])), options.test_files[i],
                    fmt::format("Tasks of {}, as eval {} reads them", task_title(kCardTests[i]),
                                task_name(kCardTests[i])))
        ->type_name("FILE")
        ->group(group);
  }
  command
      .add_option("--tasks", options.selection.n_tasks,
                  "Score N tasks of each test, drawn at random (0: all)")
      ->capture_default_str()
      ->type_name("N")
      ->group(group);
  command.add_option("--seed", options.selection.seed, "Of the random draw")
      ->capture_default_str()
      ->type_name("N")
      ->group(group);
}

void add_model_options(CLI::App& command, CardOptions& options) {
  command.add_option("-m,--model", options.models, "GGUF file; may be given several times")
      ->required()
      ->type_name("FILE");
  command
      .add_option("--base,--kl-divergence-base", options.base,
                  "What divergences are from: a model, which gets a row of its own, or a base file "
                  "(see eval kld)")
      ->type_name("FILE");
  CLI::Option* against =
      command
          .add_option("--against", options.against,
                      "The model that the others are compared with, pair by pair (default: the "
                      "first -m)")
          ->type_name("FILE");
  command.add_flag("--all-pairs", options.all_pairs, "Compare every model with every other")
      ->excludes(against);
}

}  // namespace

void add_eval_all(CLI::App& eval, ToolContext& context) {
  auto options = std::make_shared<CardOptions>();
  CLI::App* command = eval.add_subcommand(
      "all", "The table of a published card: several models, a text and tests, in one run");
  add_model_options(*command, *options);
  add_text_options(*command, options->text);
  command->get_option("--file")->required(false);
  command->add_flag("--compat", options->selection.compat,
                    "As llama.cpp measures, defects included (docs/evaluating.md)");
  add_order_options(*command, options->order);
  add_resume_options(*command, options->resume);
  add_output_options(*command, options->form);
  add_test_options(*command, *options);
  add_compute_options(*command, options->engine);
  command->footer("-c is the context of the text; that of the tests follows from their tasks.");
  command->callback([options, &context] {
    check(*options);
    OutputGate gate;
    for (const std::string& model : options->models) reads_model(gate, model);
    reads_model(gate, options->base, "the base");
    reads_text(gate, options->text);
    for (const auto& files : options->test_files) reads_files(gate, files, "the tasks");
    options->resume.gate = &gate;  // the checkpoints are named after what they are of
    CardRun run(*options, context.isa);
    const auto work = [&] {
      run.measure();
      print(run, *options);
      run.finish();
    };
    context.exit_code = run_interruptible(work, [&] { run.interrupted(); });
  });
}

}  // namespace lathe
