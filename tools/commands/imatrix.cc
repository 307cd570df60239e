// lathe imatrix: collects an importance matrix over a calibration text, or combines some.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "quant/imatrix/collect.h"
#include "quant/imatrix/combine.h"
#include "quant/imatrix/legacy.h"
#include "runtime/base/error.h"
#include "runtime/identity/fingerprint.h"
#include "tools/cli/command.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/running_values.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/engine_options.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/commands/options/text_options.h"

namespace lathe {
namespace {

struct ImatrixOptions {
  EngineOptions engine;
  TextOptions text;
  OrderOptions order;
  std::string out = "imatrix.gguf";
  std::string form;  // "gguf", "dat"; empty: by the name
  std::vector<std::string> in_files;
  std::uint32_t legacy_chunk_size = 0;
  std::size_t save_every = 0;
  bool process_output = false;
  bool no_ppl = false;
  bool no_means = false;
  bool resume = false;

  std::string checkpoint() const { return out + ".resume"; }
  bool legacy() const { return form.empty() ? out.ends_with(".dat") : form == "dat"; }
};

// The files that a run writes: nothing that it reads.
struct Outputs {
  std::optional<OutputTarget> checkpoint;  // of a collection; before `imatrix`, which sets it
  OutputTarget imatrix;

  explicit Outputs(const ImatrixOptions& options) : imatrix(admit(options)) {}

 private:
  OutputTarget admit(const ImatrixOptions& options) {
    OutputGate gate;
    reads_model(gate, options.engine.model);
    reads_text(gate, options.text);
    reads_files(gate, options.in_files, "an importance matrix");
    OutputTarget out =
        gate.admit(options.out, {.what = "an importance matrix",
                                 .instead = "eval ppl gives the perplexity and writes nothing"});
    if (!options.in_files.empty()) return out;
    checkpoint = gate.admit(options.checkpoint(), {.what = "the checkpoint"});
    if (file_id(checkpoint->path()) && !is_imatrix_checkpoint(checkpoint->path())) {
      throw usage_error(options.checkpoint() +
                        ": the checkpoint would be called so, but the file is there and is none: "
                        "move it away, or name another output");
    }
    return out;
  }
};

void write(const ImatrixOptions& options, const OutputTarget& out, const Imatrix& imatrix) {
  if (options.legacy()) {
    write_legacy_imatrix(imatrix, out);
  } else {
    write_imatrix(imatrix, out);
  }
}

void print_written(const ImatrixOptions& options, const Imatrix& imatrix) {
  fmt::print("wrote {}: {} weights, {} chunks of {} tokens\n", options.out, imatrix.entries.size(),
             imatrix.chunk_count, imatrix.chunk_size);
  if (options.legacy()) fmt::print("in the legacy form, which holds no means and no hashes\n");
}

// ---- collecting

// The run: what it is of, and what of it was done before.
struct Run {
  ModelIdentity model;
  ImatrixOrigin model_origin;
  TextOrigin origin;
  RunIdentity identity;
  Checkpoint done;

  Run(const ImatrixOptions& options, OpenModel& open, TextOrigin text)
      : model(model_identity(open.file, {.pool = &open.pool})),
        model_origin(origin_of(open.file, &model)),
        origin(std::move(text)) {
    identity = {{"model", model.fingerprint},
                {"text", origin.all_sha256},
                {"context", std::to_string(eval_context(options.engine))},
                {"first chunk", std::to_string(options.text.from_chunk)},
                {"--parse-special", options.text.parse_special ? "on" : "off"},
                {"--process-output", options.process_output ? "on" : "off"},
                {"--no-ppl", options.no_ppl ? "on" : "off"}};
    if (!options.resume) return;
    if (!std::filesystem::exists(options.checkpoint())) {
      throw usage_error("nothing to resume: there is no " + options.checkpoint());
    }
    done = read_checkpoint(options.checkpoint(), identity);
  }
};

void add_origin(const Run& run, Imatrix& imatrix) {
  imatrix.dataset_sha256 = run.origin.sha256;
  imatrix.model = run.model_origin;
}

CollectOptions collect_options(const ImatrixOptions& options, const Outputs& outputs,
                               const Run& run, bool* saved) {
  return {.process_output = options.process_output,
          .perplexity = !options.no_ppl,
          .datasets = run.origin.names,
          .means = !options.no_means,
          .resume = options.resume ? &run.done : nullptr,
          .save_every = options.save_every,
          .save =
              [&, saved](const Checkpoint& checkpoint, const Imatrix& so_far) {
                Imatrix imatrix = so_far;
                add_origin(run, imatrix);
                write_checkpoint(checkpoint, run.identity, *outputs.checkpoint);
                write(options, outputs.imatrix, imatrix);
                *saved = true;
              },
          .warn = [](const std::string& what) { fmt::print(stderr, "warning: {}\n", what); }};
}

void collect(const ImatrixOptions& options, const Outputs& outputs, OpenModel& open,
             const TextChunks& text, const Run& run, bool* saved) {
  const auto runner = open_runner({{*open.model, open.file.files()}}, options.engine, options.order,
                                  open.kernels, open.pool, text.n_ctx(), notes_on_screen());
  RunningValues values("imatrix", text.n_chunks(), !options.no_ppl);
  Estimate last = perplexity_of(run.done.nll);
  std::size_t n_shown = run.done.n_chunks;
  const auto progress = [&](std::size_t n_chunks, const std::optional<Estimate>& ppl,
                            double fraction, std::string_view step) {
    if (ppl && n_chunks > n_shown) {
      last = *ppl;
      n_shown = n_chunks;
      values.add(n_chunks, ppl->value);
    }
    values.update(fraction, step);
    return !InterruptGuard::requested();
  };
  Imatrix imatrix = collect_imatrix({*runner, open.kernels, open.pool}, text,
                                    collect_options(options, outputs, run, saved), progress);
  values.finish();
  add_origin(run, imatrix);
  write(options, outputs.imatrix, imatrix);
  *saved = false;
  std::filesystem::remove(outputs.checkpoint->path());
  if (!options.no_ppl) {
    fmt::print("Final estimate: PPL = {:.4f} +/- {:.5f}\n", last.value, last.error);
  }
  print_written(options, imatrix);
}

int collect_command(const ImatrixOptions& options, const ToolContext& context) {
  if (options.engine.model.empty() || options.text.files.empty()) {
    throw usage_error(
        "imatrix needs a model (-m) and a text (-f), or files to combine (--in-file)");
  }
  const Outputs outputs(options);
  OpenModel open(options.engine, context.isa);
  TextOrigin origin;
  const TextChunks text = open_text(open.file, options.text, options.engine, &origin);
  const Run run(options, open, std::move(origin));
  if (run.done.n_chunks > 0) say(fmt::format("going on after chunk {}", run.done.n_chunks));
  bool saved = options.resume;
  return run_interruptible([&] { collect(options, outputs, open, text, run, &saved); },
                           [&] {
                             say(saved
                                     ? fmt::format("{} holds what was collected; the same command "
                                                   "with --resume goes on",
                                                   options.out)
                                     : "nothing was written");
                           });
}

// ---- combining

void combine_command(const ImatrixOptions& options) {
  const Outputs outputs(options);
  std::vector<Imatrix> parts;
  bool any_legacy = false;
  for (const std::string& path : options.in_files) {
    parts.push_back(read_imatrix(path));
    any_legacy = any_legacy || parts.back().chunk_size == 0;
  }
  const Imatrix imatrix = combine_imatrices(parts, options.legacy_chunk_size);
  if (any_legacy && options.legacy_chunk_size == 0) {
    fmt::print("legacy files are taken to have chunks of {} tokens (--legacy-chunk-size)\n",
               assumed_chunk_size(parts));
  }
  write(options, outputs.imatrix, imatrix);
  print_written(options, imatrix);
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
      .add_option("--save-every,--output-frequency,--ofreq", options.save_every,
                  "Write what was collected every N chunks, so that --resume can go on from there")
      ->type_name("N");
  command.add_flag("--resume", options.resume,
                   "Go on where an interrupted run of the same model, text and context ended");
}

void add_combine_options(CLI::App& command, ImatrixOptions& options) {
  command
      .add_option("--in-file", options.in_files,
                  "Combine importance matrices instead (repeatable); no model is needed")
      ->expected(1)
      ->take_all()
      ->type_name("FILE");
  command
      .add_option("--legacy-chunk-size", options.legacy_chunk_size,
                  "Tokens in a chunk of legacy files that are combined (default: as the others)")
      ->check(one_or_more)
      ->type_name("N");
}

}  // namespace

void add_imatrix(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<ImatrixOptions>();
  CLI::App* command =
      root.add_subcommand("imatrix", "Collect an importance matrix over a calibration text");
  add_engine_options(*command, options->engine);
  add_text_options(*command, options->text);
  add_order_options(*command, options->order);
  command->get_option("-m")->required(false);  // combining needs neither
  command->get_option("-f")->required(false);
  command
      ->add_option("--from-chunk,--chunk", options->text.from_chunk, "Leave out the first N chunks")
      ->type_name("N");
  command->add_flag("--parse-special", options->text.parse_special,
                    "Text such as <|eot_id|> is the token of that name");
  command->add_flag("--process-output", options->process_output, "Collect for output.weight too");
  command->add_flag("--no-ppl", options->no_ppl, "Leave out the perplexity, which takes time");
  add_output_options(*command, *options);
  add_combine_options(*command, *options);
  command->callback([options, &context] {
    if (options->in_files.empty()) {
      context.exit_code = collect_command(*options, context);
    } else {
      combine_command(*options);
    }
  });
}

}  // namespace lathe
