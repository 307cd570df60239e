// lathe run: goes on with a text, and prints what comes as it comes.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/standard_output.h"
#include "tools/cli/terminal.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/engine_options.h"
#include "tools/jobs/completion.h"
#include "tools/jobs/text_input.h"

namespace lathe {
namespace {

struct RunCommand {
  CompletionRequest request;
  std::string file = "-";
  bool no_display_prompt = false, verbose = false;
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

std::string rates_text(const CompletionResult& result) {
  const TokenRate& prompt = result.generation.prompt;
  const TokenRate& generated = result.generation.generated;
  return fmt::format(
      "load {:.2f} s, prompt {} tokens at {:.1f} t/s, generation {} tokens at {:.1f} t/s",
      result.load_seconds, prompt.n, prompt.per_second(), generated.n, generated.per_second());
}

int run(const RunCommand& command) {
  const InterruptGuard interrupt;
  const std::string_view shown = command.request.prompt;
  TextOutput output(command.no_display_prompt ? std::string_view() : shown);
  Progress progress("prompt");
  GenerationCallbacks callbacks;
  callbacks.on_text = [&](std::string_view text) { output.add(text); };
  callbacks.on_prompt = [&](double fraction) { progress.update(fraction, ""); };
  callbacks.should_stop = InterruptGuard::requested;
  const CompletionResult result = complete(command.request, callbacks, notes_on_screen());
  output.add("\n");
  if (result.generation.end == GenerationEnd::kContextFull) {
    warn(fmt::format("the context of {} tokens is full (see -c)", result.n_ctx));
  }
  if (command.verbose || is_watched()) say(rates_text(result));
  return InterruptGuard::requested() ? InterruptGuard::exit_code() : 0;
}

constexpr double kMostPenalty = 1000;  // in units of logits

void add_sampling_options(CLI::App& command, RunCommand& o) {
  SamplerParams& s = o.request.generation.sampler;
  const auto option = [&](const char* names, auto& value, NumberCheck check, const char* help) {
    command.add_option(names, value, help)
        ->check(std::move(check))
        ->capture_default_str()
        ->type_name("X")
        ->group("Sampling");
  };
  option("--temp,--temperature", s.temperature, real_number(0),
         "Temperature; 0: always the best token");
  option("--top-k", s.top_k, whole_number(0, kLargestInt),
         "Draw from the K best tokens; 0: from all");
  option("--top-p", s.top_p, real_number(0, 1),
         "Draw from the best tokens that hold this probability; 1: off");
  option("--min-p", s.min_p, real_number(0, 1),
         "Leave out what is less likely than this share of the best; 0: off");
  option("--typical", s.typical_p, real_number(0, 1), "Locally typical sampling; 1: off");
  option("--repeat-penalty", s.repeat_penalty, real_number(0),
         "Penalty on tokens that came before; 1: off");
  option("--repeat-last-n", s.penalty_window, whole_number(-1, kLargestInt),
         "Tokens that penalties look back; 0: off, -1: all");
  option("--frequency-penalty", s.frequency_penalty, real_number(-kMostPenalty, kMostPenalty),
         "Penalty for each time a token came; 0: off");
  option("--presence-penalty", s.presence_penalty, real_number(-kMostPenalty, kMostPenalty),
         "Penalty if a token came at all; 0: off");
  option("--mirostat", s.mirostat, whole_number(0, 2),
         "2: Mirostat 2 instead of the filters; 0: off");
  option("--mirostat-ent", s.mirostat_tau, real_number(0), "Mirostat's target surprise");
  option("--mirostat-lr", s.mirostat_eta, real_number(0), "Mirostat's learning rate");
  option("-s,--seed", o.seed, whole_number(-1), "Seed of the draws; -1: another one each time");
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
  command->add_flag("--ignore-eos", options->request.generation.ignore_eos, "Never end the text");
  command->add_flag("-v,--verbose", options->verbose, "Print the speed even if nobody watches");
  add_engine_options(*command, options->request.engine);
  add_sampling_options(*command, *options);
  command->callback([options, prompt, &context] {
    CompletionRequest& request = options->request;
    request.isa = context.isa;
    request.generation.sampler.seed =
        options->seed < 0 ? std::random_device{}() : static_cast<std::uint64_t>(options->seed);
    if (prompt->count() == 0) {
      request.prompt = read_text_file(options->file);
      request.prompt_name = options->file == "-" ? "standard input" : options->file;
    }
    context.exit_code = run(*options);
  });
}

}  // namespace lathe
