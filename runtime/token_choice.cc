#include "runtime/token_choice.h"

#include <algorithm>
#include <string>

#include "runtime/generation.h"

namespace lathe {
namespace {

TokenMask all_but_end_tokens(const Tokenizer& tokenizer) {
  TokenMask mask(tokenizer.n_vocab());
  for (Token t = 0; t < static_cast<Token>(tokenizer.n_vocab()); ++t) {
    if (!tokenizer.is_end_of_generation(t)) mask.add(t);
  }
  return mask;
}

SamplerParams sampler_params(const Tokenizer& tokenizer, const GenerationOptions& options) {
  SamplerParams params = options.sampler;
  if (params.dry.multiplier == 0) return params;
  for (Token t = 0; t < static_cast<Token>(tokenizer.n_vocab()); ++t) {
    const std::string piece = tokenizer.piece(t);
    const auto is_inside = [&](const std::string& breaker) {
      return !breaker.empty() && piece.find(breaker) != piece.npos;
    };
    if (std::any_of(options.dry_breakers.begin(), options.dry_breakers.end(), is_inside)) {
      params.dry.breakers.push_back(t);
    }
  }
  return params;
}

}  // namespace

TokenChoice::TokenChoice(const Tokenizer& tokenizer, const GenerationOptions& options)
    : tokenizer_(tokenizer), sampler_(sampler_params(tokenizer, options)) {
  if (options.ignore_eos) never_ending_ = all_but_end_tokens(tokenizer);
  if (options.grammar) grammar_ = options.grammar->start();
}

// Null: all.
const TokenMask* TokenChoice::allowed() {
  const TokenMask* const never_ending = never_ending_ ? &*never_ending_ : nullptr;
  if (!grammar_) return never_ending;
  const TokenMask& by_grammar = grammar_->allowed();
  if (never_ending == nullptr || !grammar_->may_end()) return &by_grammar;
  allowed_ = by_grammar;
  allowed_.keep_common(*never_ending);
  return &allowed_;
}

Token TokenChoice::choose(std::span<const float> logits) {
  const TokenMask* const mask = allowed();
  if (grammar_ && !mask->any()) return kNoToken;
  return sampler_.sample(logits, mask);
}

bool TokenChoice::accept(Token token) {
  if (grammar_ && !grammar_->accept(token)) return false;
  sampler_.accept(token);
  return true;
}

bool TokenChoice::ends_text(Token token) const noexcept {
  return !never_ending_ && tokenizer_.is_end_of_generation(token);
}

void TokenChoice::restore(const State& state) {
  sampler_.restore(state.sampler);
  grammar_ = state.grammar;
}

}  // namespace lathe
