// Speculation: a drafter guesses the next tokens, the model checks them all in one pass, and what
// it would have drawn anyway is drawn at once.
//
// **The text is the same as without, to the token**, greedy or sampled. A pass of n tokens gives
// the bits of n passes of one (docs/architecture.md), so the logits at each position are those of
// the plain run as long as the tokens before it are. The generation draws from them as it always
// does, one position after another, with the one sampler and its one stream of random numbers. As
// long as what it draws is what was guessed, the next logits are there already; at the first
// difference what was read ahead is forgotten. Guesses decide nothing but which logits are computed
// early.
//
// Leviathan et al. (2023) accept a guess x, drawn from the draft's distribution q, with probability
// min(1, p(x)/q(x)), and else draw anew from what q lacks of p. That has the distribution of the
// target, too, and accepts the most that can be, 1 - TV(p, q) of the guesses; but it uses other
// random numbers, so a seed gives another text with each draft, and it needs the probabilities that
// all filters leave from both models. Here a guess is right when two draws agree. If the draft took
// its best token that would be with probability p(best), far less at high temperatures. So it draws
// with the random numbers that the generation is about to use (model_drafter.h): then the two agree
// with probability (1 - TV) / (1 + TV) at least, and every seed keeps its text. docs/speculation.md
// has all three, measured.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "runtime/speculation/draft_length.h"
#include "runtime/speculation/drafter.h"

namespace lathe {

inline constexpr std::size_t kMostDrafted = 256;  // rows of logits are kept for each

struct SpeculationOptions {
  std::size_t most = 16;  // tokens of a draft
  std::size_t least = 0;  // a shorter draft is not checked
  bool adapts = true;     // false: as long as they may be, whether that pays or not
};

// Of one conversation: what it measures serves all its replies.
class Speculation {
 public:
  // Error (kUsage) for options that make no sense. The drafter is used by this alone.
  Speculation(Drafter& drafter, const SpeculationOptions& options);

  const SpeculationOptions& options() const noexcept { return options_; }

  // A text begins: the drafter reads it.
  void read(std::span<const Token> prompt) { drafter_.read(prompt); }
  // Guesses at what follows the text, `most` at most and as many as pay; valid until the next call.
  // `choice` stands at the end of the text, and stays there.
  std::span<const Token> draft(std::span<const Token> text, TokenChoice& choice, std::size_t most);
  // The model's pass over one token and the draft took so long.
  void pass_took(double seconds);
  // So many of the draft were right. `refuted`: the next one was not, else nobody knows.
  void accepted(std::size_t n, bool refuted);

  void set_hook(std::function<void(double)> hook) { drafter_.set_hook(std::move(hook)); }

 private:
  void guess(TokenChoice& choice);

  Drafter& drafter_;
  SpeculationOptions options_;
  DraftLength length_;
  std::vector<Token> draft_;
  std::vector<float> confidences_;  // of the draft
  double step_seconds_ = 0;         // of the draft and its pass
};

}  // namespace lathe
