// What is drawn at one position of a text: the grammar and --ignore-eos say which tokens may come,
// the sampler draws of these, and what was drawn becomes part of what later draws depend on.
//
// Everything that decides a draw is in here and can be saved, so that a drafter
// (runtime/speculation) can try out the draws that are to come, and the generation then makes them
// as if nothing had been.
#pragma once

#include <optional>
#include <span>

#include "runtime/text/grammar/token_grammar.h"
#include "runtime/text/sampler.h"
#include "runtime/text/token_mask.h"
#include "runtime/text/tokenizer.h"

namespace lathe {

struct GenerationOptions;

class TokenChoice {
 public:
  // Keeps a reference to the tokenizer. Error (kUsage) for options that make no sense.
  TokenChoice(const Tokenizer& tokenizer, const GenerationOptions& options);

  // `logits` [n_vocab]. Changes nothing but the state of the random numbers. kNoToken where the
  // grammar allows none.
  Token choose(std::span<const float> logits);
  // The token stands at the next position. False where the grammar does not allow it.
  bool accept(Token token);
  void accept_prompt(Token token) { sampler_.accept(token); }

  // The model says with it that the text is at its end, and is heard (--ignore-eos).
  bool ends_text(Token token) const noexcept;
  // By the grammar: the text may end here; nothing but its end may come.
  bool may_end() const noexcept { return !grammar_ || grammar_->may_end(); }
  bool is_complete() const noexcept { return grammar_ && grammar_->is_complete(); }

  struct State {
    Sampler::State sampler;
    std::optional<GrammarState> grammar;
  };
  State save() const { return {sampler_.save(), grammar_}; }
  // Of this choice; nothing but choose() and accept() may have been called since.
  void restore(const State& state);

 private:
  const TokenMask* allowed();

  const Tokenizer& tokenizer_;
  Sampler sampler_;
  std::optional<TokenMask> never_ending_;  // all tokens but those that end a text
  std::optional<GrammarState> grammar_;    // where the reply stands in it
  TokenMask allowed_;                      // by both of them
};

}  // namespace lathe
