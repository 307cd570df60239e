// lathe eval ppl: perplexity of a text.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "quant/eval/base/compact_base.h"
#include "quant/eval/base/logits_file.h"
#include "quant/eval/perplexity.h"
#include "runtime/base/disk_space.h"
#include "runtime/base/error.h"
#include "runtime/identity/build_info.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/running_values.h"
#include "tools/commands/eval_commands.h"
#include "tools/commands/options/eval_text_options.h"
#include "tools/commands/options/run_inputs.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

struct PplOptions {
  EvalTextOptions common;
  std::string logits, base;  // files to write
  std::optional<OutputTarget> logits_target{}, base_target{};
  CompactOptions compact;
};

bool writes_files(const PplOptions& options) {
  return !options.logits.empty() || !options.base.empty();
}

void check(const PplOptions& options) {
  if (!writes_files(options)) return;
  if (options.common.resume.resume) {
    throw usage_error(
        "--resume cannot go on with a file of logits or a base: they are written in "
        "one run");
  }
}

// Before anything is opened.
void admit_outputs(PplOptions& options, OutputGate& gate) {
  reads_model(gate, options.common.engine.model);
  reads_text(gate, options.common.text);
  const auto admit = [&](const std::string& path, const char* what) {
    return path.empty() ? std::nullopt : std::optional(gate.admit(path, {.what = what}));
  };
  options.logits_target = admit(options.logits, "a file of logits");
  options.base_target = admit(options.base, "a base file");
  options.common.resume.admit_with(gate);
}

class PplRun {
 public:
  PplRun(const PplOptions& options, const ToolContext& context)
      : options_(options.common),
        open_(options_.engine, context.isa),
        text_(open_text(open_.file, options_.text, options_.engine, &origin_)),
        checkpoint_(options_.resume, text_identity("ppl", options_, open_, text_, origin_)),
        records_(checkpoint_.load(text_.n_chunks())),
        values_("perplexity", text_.n_chunks(), options_.form.text()),
        n_before_(records_.size()),
        outputs_(options) {}

  void run() {
    create_files();
    const auto runner =
        open_runner({{*open_.model, open_.file.files(), skipped_layers(options_, *open_.model)}},
                    options_.engine, options_.order, open_.kernels, open_.pool, text_.n_ctx(),
                    notes_on_screen());
    if (options_.form.text()) print_header("ppl", header_lines(options_, open_, text_, origin_));
    const PerplexityResult result = measure_perplexity(
        {*runner, open_.kernels, open_.pool}, text_,
        {.on_logits = keep_rows(), .records = &records_},
        [&](const PerplexityResult& so_far, double fraction, std::string_view step) {
          show(so_far);
          values_.update(fraction, step);
          if (files_.empty()) checkpoint_.offer(records_);
          return !InterruptGuard::requested();
        });
    show(result);
    const double seconds = values_.seconds();
    values_.finish();
    for (const auto& file : files_) file->commit();
    files_.clear();
    print(result, seconds);
    checkpoint_.finish();
  }

  void interrupted() {
    values_.finish();
    if (files_.empty()) {
      checkpoint_.interrupted(records_);
    } else {
      fmt::print(stderr, "nothing was written: a base file comes from one whole run\n");
    }
  }

 private:
  void create_files() {
    if (!writes_files(outputs_)) return;
    const BaseText text = base_text(text_, open_.model->traits().n_vocab);
    if (outputs_.logits_target) {
      fmt::print(stderr, "{} will take {:.2f} GB\n", outputs_.logits,
                 static_cast<double>(logits_file_bytes(text)) / 1e9);
      check_disk_space(outputs_.logits_target->path(), logits_file_bytes(text));
      files_.push_back(create_logits_file(*outputs_.logits_target, text));
    }
    if (outputs_.base_target) {
      const Json of = model_json(open_.file);
      files_.push_back(
          create_compact_base(*outputs_.base_target, text,
                              {std::filesystem::path(open_.file.path()).filename().string(),
                               of["fingerprint"], build_version()},
                              outputs_.compact));
    }
  }
  std::function<void(MatrixView<const float>)> keep_rows() {
    if (files_.empty()) return {};
    return [this](MatrixView<const float> rows) {
      for (const auto& file : files_) file->add_rows(rows, open_.pool);
    };
  }

  void show(const PerplexityResult& so_far) {
    for (; n_shown_ < so_far.running.size(); ++n_shown_) {
      values_.add(n_shown_ + 1, so_far.running[n_shown_]);
    }
  }

  void print(const PerplexityResult& result, double seconds) const {
    const std::optional<Interval> interval = perplexity_interval(result.chunk_nll);
    if (options_.form.text()) {
      fmt::print("Final estimate: PPL = {:.4f} +/- {:.5f}\n", result.ppl.value, result.ppl.error);
      fmt::print(
          "{}", interval ? fmt::format(
                               "95 % interval (Student, over blocks of chunks): {:.4f} to {:.4f}\n",
                               interval->low, interval->high)
                         : "95 % interval: none, one chunk does not show how much chunks vary\n");
      print_rate((text_.n_chunks() - n_before_) * text_.n_ctx(), seconds);
      return;
    }
    Json out = result_header(options_, open_, text_, origin_, seconds);
    out["compat"] = options_.text.compat;
    put(out, "ppl", result.ppl);
    out["ppl_low"] = interval ? Json(interval->low) : Json(nullptr);
    out["ppl_high"] = interval ? Json(interval->high) : Json(nullptr);
    out["running_ppl"] = result.running;
    out["chunk_nll"] = result.chunk_nll;
    print_result(out, options_.form);
  }

  const EvalTextOptions& options_;
  OpenModel open_;
  TextOrigin origin_;
  TextChunks text_;
  EvalCheckpoint checkpoint_;
  ChunkRecords records_;
  std::vector<std::unique_ptr<BaseWriter>> files_;
  RunningValues values_;
  std::size_t n_before_, n_shown_ = 0;
  const PplOptions& outputs_;
};

}  // namespace

void add_eval_ppl(CLI::App& eval, ToolContext& context) {
  auto options = std::make_shared<PplOptions>();
  CLI::App* command = add_text_measure(eval, "ppl", "Perplexity of a text", options->common);
  command
      ->add_option("--ppl-stride,--stride", options->common.text.stride,
                   "Windows that start every N tokens, the last N of each scored "
                   "(default: chunks side by side, the second half of each scored)")
      ->type_name("N");
  command->add_flag("--compat", options->common.text.compat,
                    "With --stride: windows without BOS, as llama.cpp's are (docs/evaluating.md)");
  const char* const group = "Base for eval kld";
  command
      ->add_option("--save-base", options->base,
                   "Write lathe's compact base: the likeliest tokens of each position")
      ->check(output_name)
      ->type_name("FILE")
      ->group(group);
  command
      ->add_option("--base-tokens", options->compact.max_tokens,
                   "Most tokens that the compact base lists at a position")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str()
      ->type_name("N")
      ->group(group);
  command
      ->add_option("--base-tail", options->compact.tail_mass,
                   "It lists tokens until the others have this probability in all")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str()
      ->type_name("P")
      ->group(group);
  command
      ->add_option("--save-logits,--kl-divergence-base", options->logits,
                   "Write all logits in 16 bits, as llama.cpp reads and writes them")
      ->check(output_name)
      ->type_name("FILE")
      ->group(group);
  command->callback([options, &context] {
    check(*options);
    OutputGate gate;
    admit_outputs(*options, gate);
    PplRun run(*options, context);
    context.exit_code = run_interruptible([&] { run.run(); }, [&] { run.interrupted(); });
  });
}

}  // namespace lathe
