// lathe imatrix: collects an importance matrix over a calibration text, combines some, or goes on
// from some.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "quant/imatrix/checkpoint.h"
#include "runtime/base/error.h"
#include "tools/cli/command.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/running_values.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/engine_options.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/commands/options/text_options.h"
#include "tools/jobs/collect_imatrix.h"
#include "tools/jobs/combine_imatrices.h"
#include "tools/report/imatrix_report.h"

namespace lathe {
namespace {

struct ImatrixOptions {
  ImatrixRequest request;
  std::string out = "imatrix.gguf";
  std::string form;  // "gguf", "dat"; empty: by the name
  bool no_ppl = false, no_means = false;
  bool show_statistics = false;
  std::size_t save_frequency = 0;

  std::string checkpoint() const { return out + ".resume"; }
  bool combines() const {
    return !request.in_files.empty() && request.engine.model.empty() && request.text.files.empty();
  }
};

// What other programs have and lathe answers otherwise.
void check(const ImatrixOptions& options) {
  if (options.show_statistics) {
    throw usage_error(
        "--show-statistics: use `lathe stats " +
        (options.request.in_files.empty() ? options.out : options.request.in_files.front()) + "`");
  }
  if (options.save_frequency > 0) {
    throw usage_error(
        "--save-frequency keeps numbered copies elsewhere; lathe keeps one file, from which "
        "--resume goes on: --save-every N");
  }
  if (options.combines()) {
    if (options.request.resume) throw usage_error("--resume is for collecting, not for combining");
    return;
  }
  if (options.request.engine.model.empty() || options.request.text.files.empty()) {
    throw usage_error(
        "imatrix needs a model (-m) and a text (-f), or files to combine (--in-file)");
  }
}

// ---- the files that a run writes: nothing that it reads

OutputGate gate_of(const ImatrixOptions& options) {
  OutputGate gate;
  reads_model(gate, options.request.engine.model);
  reads_text(gate, options.request.text);
  reads_files(gate, options.request.in_files, "an importance matrix");
  return gate;
}

OutputTarget admit_imatrix(OutputGate& gate, const ImatrixOptions& options) {
  return gate.admit(options.out, {.what = "an importance matrix",
                                  .instead = "eval ppl gives the perplexity and writes nothing"});
}

ImatrixFiles admit_files(const ImatrixOptions& options) {
  OutputGate gate = gate_of(options);
  ImatrixFiles files{admit_imatrix(gate, options),
                     gate.admit(options.checkpoint(), {.what = "the checkpoint"})};
  if (file_id(files.checkpoint.path()) && !is_imatrix_checkpoint(files.checkpoint.path())) {
    throw usage_error(options.checkpoint() +
                      ": the checkpoint would be called so, but the file is there and is none: "
                      "move it away, or name another output");
  }
  return files;
}

// ---- collecting and combining

// `written`: set when the importance matrix is there.
void collect(ImatrixRun& run, const ImatrixOptions& options, bool* written) {
  RunningValues values("imatrix", run.n_chunks(), options.request.perplexity);
  std::size_t n_shown = run.n_before();
  const Imatrix imatrix = run.run([&](std::size_t n_chunks, const std::optional<Estimate>& ppl,
                                      double fraction, std::string_view step) {
    if (ppl && n_chunks > n_shown) {
      n_shown = n_chunks;
      values.add(n_chunks, ppl->value);
    }
    values.update(fraction, step);
    return !InterruptGuard::requested();
  });
  *written = true;
  values.finish();
  put_text(imatrix_text(imatrix, options.out, options.request.legacy_form, run.perplexity()));
}

int collect_command(const ImatrixOptions& options, const ToolContext& context) {
  const ImatrixFiles files = admit_files(options);
  const Notes notes = notes_on_screen();
  std::optional<ImatrixRun> run;
  bool written = false;
  const auto work = [&] {
    {
      Progress progress("imatrix");
      run.emplace(options.request, files, context.isa, notes,
                  [&](double fraction, std::string_view step) {
                    progress.update(fraction, step);
                    return !InterruptGuard::requested();
                  });
    }
    collect(*run, options, &written);
  };
  return run_interruptible(work, [&] {
    if (written) return say("the importance matrix is there: " + options.out);
    say(run && run->saved()
            ? options.out + " holds what was collected; the same command with --resume goes on"
            : "nothing was written");
  });
}

int combine_command(const ImatrixOptions& options) {
  OutputGate gate = gate_of(options);
  const OutputTarget target = admit_imatrix(gate, options);
  const Imatrix imatrix = combine_files(options.request, notes_on_screen());
  write_imatrix_form(options.request, imatrix, target);
  put_text(imatrix_text(imatrix, options.out, options.request.legacy_form));
  return 0;
}

// ---- options

void add_collect_options(CLI::App& command, ImatrixOptions& options) {
  ImatrixRequest& request = options.request;
  add_engine_options(command, request.engine);
  add_text_options(command, request.text);
  add_order_options(command, request.order);
  command.get_option("-m")->required(false);  // combining needs neither
  command.get_option("-f")->required(false);
  command
      .add_option("--from-chunk,--chunk", request.text.from_chunk, "Leave out the first N chunks")
      ->check(zero_or_more)
      ->type_name("N");
  command.add_flag("--parse-special", request.text.parse_special,
                   "Text such as <|eot_id|> is the token of that name");
  command.add_flag("--process-output", request.process_output,
                   "Collect for the output head too (output.weight, or token_embd.weight where the "
                   "head is tied to it)");
  command.add_flag("--no-ppl", options.no_ppl, "Leave out the perplexity, which takes time");
}

void add_output_options(CLI::App& command, ImatrixOptions& options) {
  command.add_option("-o,--output-file,--output", options.out, "Where to write it")
      ->capture_default_str()
      ->type_name("FILE");
  command
      .add_option("--output-format", options.form,
                  "gguf, or dat: the legacy form (default: dat for names that end so, else gguf)")
      ->check(CLI::IsMember({"gguf", "dat"}));
  command.add_flag("--no-means", options.no_means,
                   "Leave out the sums of x (.in_sum), which stand beside those of x^2");
  command
      .add_option("--save-every,--output-frequency,--ofreq", options.request.save_every,
                  "Write what was collected every N chunks, so that --resume can go on from there")
      ->check(zero_or_more)
      ->type_name("N");
  command.add_flag("--resume", options.request.resume,
                   "Go on where an interrupted run of the same command ended");
}

void add_combine_options(CLI::App& command, ImatrixOptions& options) {
  command
      .add_option(
          "--in-file", options.request.in_files,
          "Importance matrix to add (repeatable): to what is collected, or, without a model, "
          "to each other")
      ->expected(1)
      ->take_all()
      ->type_name("FILE");
  command
      .add_option("--legacy-chunk-size", options.request.legacy_chunk_size,
                  "Tokens in a chunk of legacy files that are combined (default: as the others)")
      ->check(one_or_more)
      ->type_name("N");
  command.add_flag("--allow-foreign-imatrix", options.request.allow_foreign,
                   "Add files that are not certain to be of the same model");
}

void add_answered_options(CLI::App& command, ImatrixOptions& options) {
  command.add_flag("--show-statistics", options.show_statistics)->group("");
  command.add_option("--save-frequency", options.save_frequency, "Answered with --save-every")
      ->check(zero_or_more)
      ->type_name("N")
      ->group("");
}

}  // namespace

void add_imatrix(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<ImatrixOptions>();
  CLI::App* command =
      root.add_subcommand("imatrix", "Collect an importance matrix over a calibration text");
  add_collect_options(*command, *options);
  add_output_options(*command, *options);
  add_combine_options(*command, *options);
  add_answered_options(*command, *options);
  command->footer(
      "lathe imatrix -m f16.gguf -f calibration.txt -o imatrix.gguf\n"
      "lathe imatrix -m f16.gguf -f more.txt --in-file imatrix.gguf -o both.gguf   goes on from "
      "it\n"
      "lathe imatrix --in-file a.gguf --in-file b.gguf -o both.gguf                adds them up");
  command->callback([options, &context] {
    options->request.perplexity = !options->no_ppl;
    options->request.means = !options->no_means;
    options->request.legacy_form =
        options->form.empty() ? options->out.ends_with(".dat") : options->form == "dat";
    check(*options);
    context.exit_code =
        options->combines() ? combine_command(*options) : collect_command(*options, context);
  });
}

}  // namespace lathe
