// lathe run: goes on with a text, and prints what comes as it comes.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/text/escapes.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/prompt_progress.h"
#include "tools/cli/standard_output.h"
#include "tools/cli/terminal.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/chat_options.h"
#include "tools/commands/options/draft_options.h"
#include "tools/commands/options/engine_options.h"
#include "tools/commands/options/grammar_options.h"
#include "tools/commands/options/prompt_cache_options.h"
#include "tools/commands/options/sampling_options.h"
#include "tools/jobs/completion.h"
#include "tools/jobs/text_input.h"
#include "tools/report/passes_text.h"

namespace lathe {
namespace {

struct RunCommand {
  CompletionRequest request;
  std::string file = "-";
  bool no_display_prompt = false, verbose = false, escapes = false;
  std::int64_t seed = -1;  // -1: another one each time
};

// The text on the screen: the prompt once it is read, so that progress has the line until then.
class TextOutput {
 public:
  explicit TextOutput(std::string_view prompt) : pending_(prompt) {}

  void add(std::string_view text) {
    put_text(pending_);
    pending_ = {};
    put_text(text);
    flush_output();
  }

 private:
  std::string_view pending_;
};

std::string rates_text(const RunCommand& command, const CompletionResult& result) {
  const auto rate = [](const TokenRate& r) {
    const double ms = r.n > 0 ? 1000 * r.seconds / static_cast<double>(r.n) : 0;
    return fmt::format("{} tokens in {:.2f} s ({:.2f} ms a token, {:.1f} t/s)", r.n, r.seconds, ms,
                       r.per_second());
  };
  const GenerationResult& g = result.generation;
  const std::string drafts =
      command.request.draft.given() ? "; " + passes_text(g.passes) : std::string();
  const std::string held =
      g.n_held > 0 ? fmt::format(" (and {} from the cache)", g.n_held) : std::string();
  return fmt::format("load {:.2f} s, prompt {}{}, generation {}{}; seed {}", result.load_seconds,
                     rate(g.prompt), held, rate(g.generated), drafts,
                     command.request.generation.sampler.seed);
}

int run(const RunCommand& command) {
  const InterruptGuard interrupt;
  // An answer stands alone: it is no part of the question.
  const bool hides_prompt = command.no_display_prompt || command.request.chat_template.given();
  TextOutput output(hides_prompt ? std::string_view() : command.request.prompt);
  PromptProgress progress("prompt");
  GenerationCallbacks callbacks;
  callbacks.on_text = [&](std::string_view text) { output.add(text); };
  progress.show_by(callbacks);
  callbacks.should_stop = InterruptGuard::requested;
  CompletionRequest request = command.request;
  request.prompt_cache.hashing = [&](double fraction) {
    progress.update(fraction, "hashing the model");
    return !InterruptGuard::requested();
  };
  const CompletionResult result = complete(request, callbacks, notes_on_screen());
  output.add("\n");
  if (result.generation.end == GenerationEnd::kContextFull) {
    warn(fmt::format("the context of {} tokens is full (see -c)", result.n_ctx));
  }
  if (command.verbose || is_watched()) say(rates_text(command, result));
  return InterruptGuard::requested() ? InterruptGuard::exit_code() : 0;
}

}  // namespace

void add_run(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<RunCommand>();
  CLI::App* command = root.add_subcommand("run", "Go on with a text");
  CLI::Option* prompt =
      command->add_option("-p,--prompt", options->request.prompt, "The text to go on with")
          ->type_name("TEXT");
  command
      ->add_option("-f,--file", options->file,
                   "File with the text; standard input (-) where neither is given")
      ->type_name("FILE")
      ->excludes(prompt);
  command
      ->add_option("-n,--predict,--n-predict", options->request.generation.n_predict,
                   "Tokens to generate; -1: until the text ends or the context is full")
      ->check(whole_number(-1))
      ->capture_default_str()
      ->type_name("N");
  command
      ->add_option("--stop", options->request.generation.stops,
                   "End before this text (may be given several times)")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command->add_flag("--no-display-prompt", options->no_display_prompt, "Print only what is new");
  command->add_flag("--special", options->request.generation.special,
                    "Print control tokens by name");
  command->add_flag("-v,--verbose", options->verbose, "Print the speed even if nobody watches");
  command->add_flag("-e,--escape", options->escapes,
                    "\\n, \\t, \\\" and \\xHH in the text of -p mean what they stand for");
  add_prompt_cache_options(*command, options->request.prompt_cache);
  add_chat_template_options(*command, options->request.chat_template);
  add_engine_options(*command, options->request.engine);
  add_grammar_options(*command, options->request.grammar);
  add_sampling_options(*command, options->request.generation, options->seed);
  add_draft_options(*command, options->request.draft);
  command->callback([options, prompt, &context] {
    CompletionRequest& request = options->request;
    request.isa = context.isa;
    request.generation.sampler.seed =
        options->seed < 0 ? std::random_device{}() : static_cast<std::uint64_t>(options->seed);
    if (options->escapes) request.prompt = without_escapes(request.prompt);
    if (prompt->count() == 0) {
      request.prompt = read_text_file(options->file);
      request.prompt_name = options->file == "-" ? "standard input" : options->file;
    }
    OutputGate gate;
    gate.reads(options->file, "the prompt");
    admit_prompt_cache(gate, request.engine, request.prompt_cache);
    context.exit_code = run(*options);
  });
}

}  // namespace lathe
