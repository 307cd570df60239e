// lathe run: goes on with a text, and prints what comes as it comes.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/text/sampler.h"
#include "runtime/text/text_stream.h"
#include "runtime/text/tokenizer.h"
#include "tools/cli/command.h"
#include "tools/cli/interrupt.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/engine_options.h"
#include "tools/jobs/text_input.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kDefaultContext = 4096;

struct RunOptions {
  EngineOptions engine;
  SamplerParams sampler;
  std::string prompt, file = "-";
  bool has_prompt = false;
  long n_predict = -1;  // -1: until the model ends the text or the context is full
  std::vector<std::string> stops;
  bool no_display_prompt = false, special = false, ignore_eos = false, verbose = false;
  std::int64_t seed = -1;  // -1: another one each time
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

// Tokens and the time that they took.
struct Rate {
  std::size_t n = 0;
  double seconds = 0;

  double per_second() const { return seconds > 0 ? static_cast<double>(n) / seconds : 0.0; }
};

std::vector<Token> prompt_tokens(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<Token> tokens = tokenizer.encode(text, {.add_special = true, .parse_special = true});
  // A closing token that the vocabulary adds would end the text before it goes on.
  if (tokenizer.add_eos() && tokens.size() > 1 && tokens.back() == tokenizer.eos())
    tokens.pop_back();
  if (tokens.empty() && tokenizer.bos() != kNoToken) tokens.push_back(tokenizer.bos());
  if (tokens.empty()) throw usage_error("the prompt is empty, and the model has no first token");
  return tokens;
}

// Without -c: 4096 tokens, or as many as the prompt and its continuation need, if the model can.
std::size_t context_size(const RunOptions& o, const ModelTraits& traits, std::size_t n_prompt) {
  if (o.engine.n_ctx > 0) return o.engine.n_ctx;
  const std::size_t more = o.n_predict < 0 ? 1024 : static_cast<std::size_t>(o.n_predict);
  return std::min(traits.n_ctx_train, std::max(kDefaultContext, n_prompt + more));
}

// One run, from the first token of the prompt to the last one printed.
class Completion {
 public:
  Completion(const RunOptions& options, const Tokenizer& tokenizer, Session& session)
      : options_(options),
        tokenizer_(tokenizer),
        session_(session),
        sampler_(options.sampler),
        stream_(tokenizer, {options.special, options.stops}) {
    if (!options.ignore_eos) return;
    for (Token t = 0; t < static_cast<Token>(tokenizer.n_vocab()); ++t) {
      if (tokenizer.is_end_of_generation(t)) never_.push_back(t);
    }
  }

  void read_prompt(const std::vector<Token>& tokens) {
    const Clock::time_point start = Clock::now();
    const std::size_t step = session_.options().n_batch;
    for (std::size_t i = 0; i < tokens.size() && !InterruptGuard::requested(); i += step) {
      std::vector<BatchItem> batch;
      for (std::size_t k = i; k < std::min(i + step, tokens.size()); ++k) {
        batch.push_back({tokens[k], n_past_++, 1, k + 1 == tokens.size()});
        sampler_.accept(tokens[k]);
      }
      session_.decode(batch, MatmulPath::kPanel);
    }
    prompt_ = {tokens.size(), seconds_since(start)};
  }

  void generate() {
    const Clock::time_point start = Clock::now();
    while (wants_more() && !InterruptGuard::requested()) {
      const Token token = next_token();
      if (!options_.ignore_eos && tokenizer_.is_end_of_generation(token)) {
        if (options_.special) print(stream_.push(token));
        break;
      }
      sampler_.accept(token);
      print(stream_.push(token));
      ++generated_.n;
      if (!wants_more()) break;
      const BatchItem item{token, n_past_, 1, true};
      if (!session_.decode({&item, 1}, MatmulPath::kMatvec)) {
        context_full_ = true;
        break;
      }
      ++n_past_;
    }
    print(stream_.finish());
    generated_.seconds = seconds_since(start);
  }

  bool context_full() const noexcept { return context_full_; }
  const Rate& prompt() const noexcept { return prompt_; }
  const Rate& generated() const noexcept { return generated_; }

 private:
  bool wants_more() const noexcept {
    return !stream_.stopped() &&
           (options_.n_predict < 0 || generated_.n < static_cast<std::size_t>(options_.n_predict));
  }

  Token next_token() {
    const MatrixView<const float> logits = session_.logits();
    if (never_.empty()) return sampler_.sample({logits.row(0), logits.cols});
    logits_.assign(logits.row(0), logits.row(0) + logits.cols);
    for (const Token t : never_) logits_[static_cast<std::size_t>(t)] = -HUGE_VALF;
    return sampler_.sample(logits_);
  }

  const RunOptions& options_;
  const Tokenizer& tokenizer_;
  Session& session_;
  Sampler sampler_;
  TextStream stream_;
  std::vector<Token> never_;   // tokens that must not be drawn
  std::vector<float> logits_;  // with those taken out
  std::int32_t n_past_ = 0;
  bool context_full_ = false;
  Rate prompt_, generated_;
};

int run(const RunOptions& options, const ToolContext& context) {
  const std::string text = options.has_prompt ? options.prompt : read_text_file(options.file);
  const Clock::time_point start = Clock::now();
  OpenModel open(options.engine, context.isa);
  const Tokenizer tokenizer = Tokenizer::from_metadata(open.file.metadata(), options.engine.model);
  const std::vector<Token> tokens = prompt_tokens(tokenizer, text);
  const std::size_t n_ctx = context_size(options, open.model->traits(), tokens.size());
  if (tokens.size() > n_ctx) {
    throw usage_error(
        fmt::format("the prompt has {} tokens, the context {} (see -c)", tokens.size(), n_ctx));
  }
  Session session(*open.model, open.kernels, open.pool, session_options(options.engine, n_ctx, 1));
  const double load_seconds = seconds_since(start);

  const InterruptGuard interrupt;
  Completion completion(options, tokenizer, session);
  if (!options.no_display_prompt) print(text);
  completion.read_prompt(tokens);
  completion.generate();
  print("\n");
  if (completion.context_full()) {
    fmt::print(stderr, "lathe: the context of {} tokens is full (see -c)\n", n_ctx);
  }
  if (options.verbose || ::isatty(STDERR_FILENO) != 0) {
    fmt::print(
        stderr,
        "load {:.2f} s, prompt {} tokens at {:.1f} t/s, generation {} tokens at {:.1f} t/s\n",
        load_seconds, completion.prompt().n, completion.prompt().per_second(),
        completion.generated().n, completion.generated().per_second());
  }
  return InterruptGuard::requested() ? kInterruptedExitCode : 0;
}

void add_sampling_options(CLI::App& command, RunOptions& o) {
  SamplerParams& s = o.sampler;
  const auto option = [&](const char* names, auto& value, const char* help) {
    command.add_option(names, value, help)
        ->capture_default_str()
        ->type_name("X")
        ->group("Sampling");
  };
  option("--temp,--temperature", s.temperature, "Temperature; 0: always the best token");
  option("--top-k", s.top_k, "Draw from the K best tokens; 0: from all");
  option("--top-p", s.top_p, "Draw from the best tokens that hold this probability; 1: off");
  option("--min-p", s.min_p, "Leave out what is less likely than this share of the best; 0: off");
  option("--typical", s.typical_p, "Locally typical sampling; 1: off");
  option("--repeat-penalty", s.repeat_penalty, "Penalty on tokens that came before; 1: off");
  option("--repeat-last-n", s.penalty_window, "Tokens that penalties look back; 0: off, -1: all");
  option("--frequency-penalty", s.frequency_penalty, "Penalty for each time a token came; 0: off");
  option("--presence-penalty", s.presence_penalty, "Penalty if a token came at all; 0: off");
  option("--mirostat", s.mirostat, "2: Mirostat 2 instead of the filters; 0: off");
  option("--mirostat-ent", s.mirostat_tau, "Mirostat's target surprise");
  option("--mirostat-lr", s.mirostat_eta, "Mirostat's learning rate");
  option("-s,--seed", o.seed, "Seed of the draws; -1: another one each time");
}

}  // namespace

void add_run(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = root.add_subcommand("run", "Go on with a text");
  CLI::Option* prompt =
      command->add_option("-p,--prompt", options->prompt, "The text to go on with")
          ->type_name("TEXT");
  command
      ->add_option("-f,--file", options->file,
                   "File with the text; standard input (-) where neither is given")
      ->type_name("FILE")
      ->excludes(prompt);
  command
      ->add_option("-n,--predict,--n-predict", options->n_predict,
                   "Tokens to generate; -1: until the text ends or the context is full")
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--stop", options->stops, "End before this text (may be given several times)")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command->add_flag("--no-display-prompt", options->no_display_prompt, "Print only what is new");
  command->add_flag("--special", options->special, "Print control tokens by name");
  command->add_flag("--ignore-eos", options->ignore_eos, "Never end the text");
  command->add_flag("-v,--verbose", options->verbose, "Print the speed even if nobody watches");
  add_engine_options(*command, options->engine);
  add_sampling_options(*command, *options);
  command->callback([options, prompt, &context] {
    options->has_prompt = prompt->count() > 0;
    options->sampler.seed =
        options->seed < 0 ? std::random_device{}() : static_cast<std::uint64_t>(options->seed);
    context.exit_code = run(*options, context);
  });
}

}  // namespace lathe
