// lathe imatrix: collects an importance matrix over a calibration text.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "quant/imatrix/collect.h"
#include "runtime/base/error.h"
#include "tools/commands.h"
#include "tools/eval_setup.h"
#include "tools/interrupt.h"
#include "tools/running_values.h"

namespace lathe {
namespace {

struct ImatrixOptions {
  EngineOptions engine;
  TextOptions text;
  std::string out = "imatrix.gguf";
  bool process_output = false;
  bool no_ppl = false;
};

Imatrix collect(const ImatrixOptions& options, OpenModel& open, const TextChunks& text) {
  Session session(*open.model, open.kernels, open.pool,
                  eval_session_options(options.engine, *open.model));
  RunningValues values("imatrix", text.n_chunks(), !options.no_ppl);
  Estimate last;
  const auto progress = [&](std::size_t chunk, const std::optional<Estimate>& ppl) {
    if (ppl) {
      last = *ppl;
      values.add(chunk + 1, ppl->value);
    } else {
      values.step(chunk + 1);
    }
    return !InterruptGuard::requested();
  };
  const CollectOptions collect_options{
      .process_output = options.process_output,
      .perplexity = !options.no_ppl,
      .dataset = std::filesystem::path(options.text.file).filename().string()};
  Imatrix imatrix =
      collect_imatrix(session, text, collect_options, open.kernels, open.pool, progress);
  values.finish();
  if (!options.no_ppl) {
    fmt::print("Final estimate: PPL = {:.4f} +/- {:.5f}\n", last.value, last.error);
  }
  return imatrix;
}

int imatrix_command(const ImatrixOptions& options, const ToolContext& context) {
  OpenModel open(options.engine, context);
  const TextChunks text = open_text(open.file, options.text, options.engine);
  const InterruptGuard interrupt;
  try {
    const Imatrix imatrix = collect(options, open, text);
    write_imatrix(imatrix, options.out);
    fmt::print("wrote {}: {} weights, {} chunks of {} tokens\n", options.out,
               imatrix.entries.size(), imatrix.chunk_count, imatrix.chunk_size);
  } catch (const Error&) {
    if (!InterruptGuard::requested()) throw;
    fmt::print(stderr, "\nlathe: interrupted, nothing was written\n");
    return kInterruptedExitCode;
  }
  return 0;
}

}  // namespace

void add_imatrix(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<ImatrixOptions>();
  CLI::App* command =
      root.add_subcommand("imatrix", "Collect an importance matrix over a calibration text");
  add_engine_options(*command, options->engine);
  add_text_options(*command, options->text);
  command->add_option("-o,--output-file,--output", options->out, "Where to write it")
      ->capture_default_str()
      ->type_name("FILE");
  command->add_flag("--process-output", options->process_output, "Collect for output.weight too");
  command->add_flag("--no-ppl", options->no_ppl, "Leave out the perplexity, which takes time");
  command->callback(
      [options, &context] { context.exit_code = imatrix_command(*options, context); });
}

}  // namespace lathe
