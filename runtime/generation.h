// Goes on with a text: reads a prompt into a session, then draws token by token.
//
// Prints nothing: text goes to a callback as it comes, whole characters only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/session.h"
#include "runtime/text/grammar/token_grammar.h"
#include "runtime/text/sampler.h"
#include "runtime/text/tokenizer.h"

namespace lathe {

class Speculation;

struct GenerationOptions {
  SamplerParams sampler;
  std::int64_t n_predict = -1;     // most tokens to generate; -1: no such bound
  std::vector<std::string> stops;  // the text ends before the first of these
  bool special = false;            // control tokens are part of the text, by name
  bool ignore_eos = false;         // tokens that end a text are never drawn
  // What the reply, from its first token on, must match. The text ends where nothing but the end
  // is allowed, too. Of the tokenizer that generate() gets; null: anything.
  std::shared_ptr<const TokenGrammar> grammar;
  // Texts that no repetition reaches over, for the sampler's DRY: tokens that hold one break it.
  std::vector<std::string> dry_breakers = {"\n", ":", "\"", "*"};
};

// Each may be empty. What one throws ends the generation and reaches the caller.
struct GenerationCallbacks {
  std::function<void(std::string_view)> on_text;  // may be called with nothing new
  std::function<void(double)> on_prompt;  // the share of the prompt that is read, after each layer
  std::function<void(double)> on_draft_prompt;  // afterwards: what a draft model has read of it
  std::function<bool()> should_stop;            // asked after each layer
};

enum class GenerationEnd {
  kEndOfText,  // the model ended it
  kStopText,
  kEnough,  // n_predict
  kContextFull,
  kStopped,    // should_stop
  kNotFinite,  // what the model gave out is NaN or infinite
};

// Tokens and the time that they took.
struct TokenRate {
  std::size_t n = 0;
  double seconds = 0;

  double per_second() const noexcept { return seconds > 0 ? static_cast<double>(n) / seconds : 0; }
};

// How the drawn tokens came about: passes through the model after the prompt's, tokens that were
// guessed and went through it with them, and how many of those were drawn.
struct PassCounts {
  std::size_t n_passes = 0, n_drafted = 0, n_accepted = 0;

  // Each gives the token after those that were right.
  double tokens_per_pass() const noexcept {
    return n_passes > 0 ? 1 + static_cast<double>(n_accepted) / static_cast<double>(n_passes) : 0;
  }
  double share_accepted() const noexcept {
    return n_drafted > 0 ? static_cast<double>(n_accepted) / static_cast<double>(n_drafted) : 0;
  }
};

struct GenerationResult {
  GenerationEnd end = GenerationEnd::kEnough;
  TokenRate prompt, generated;  // of the prompt: what was not held yet
  PassCounts passes;
  std::size_t n_held = 0;      // tokens of the prompt that the session held
  std::vector<Token> reply;    // the tokens drawn, without the one that ended the text
  std::vector<Token> tokens;   // that went into the model, from position 0 on
  std::size_t n_kept = 0;      // of these: what the session holds; less after a stop
  std::vector<Token> drafted;  // after these, in a pass that was stopped
};

// The tokens of a prompt, with the first token that the model wants and without the closing one,
// which would end the text before it goes on. Error (kUsage) for a prompt without tokens.
std::vector<Token> prompt_tokens(const Tokenizer& tokenizer, std::string_view text);

// Reads the prompt (at least one token, no more than the context holds) and goes on with it. `held`
// are the tokens that sequence 0 of the session holds: the beginning that the prompt has in common
// with them is not computed again, the rest is forgotten. The session's layer hook is taken, and
// unset at the end. With a speculation (runtime/speculation) the same comes sooner; drafts are as
// long as the session has batches and rows of logits for. Error (kUsage) for options that make no
// sense; (kFailed) where the grammar goes on with what no token of the vocabulary spells.
GenerationResult generate(Session& session, const Tokenizer& tokenizer,
                          std::span<const Token> prompt, const GenerationOptions& options,
                          const GenerationCallbacks& callbacks, std::span<const Token> held = {},
                          Speculation* speculation = nullptr);

}  // namespace lathe
