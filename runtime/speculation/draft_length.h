// How far to guess ahead: as far as it pays, by what was measured lately.
//
// Three things are measured while a text is generated: what a pass of n tokens takes, what a guess
// takes, and how often guesses of a confidence (drafter.h) turn out to be right. With them a
// further guess is worth
//
//     P * (seconds that a token is worth)  -  (seconds that it makes the pass longer)
//
// where P is the probability that it and all before it are right, and a token is worth what one
// takes now: never more than a pass of one token. The guess is taken when that, together with the
// guesses that may follow it, is more than 0. A draft that is never right is so given up after a
// few tokens. What was measured fades, towards what is to be expected: so it is tried again now and
// then, which costs a per cent or two at most.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/speculation/fading_mean.h"

namespace lathe {

class DraftLength {
 public:
  // Drafts of at most so many tokens. Without `adapts` all are of so many.
  DraftLength(std::size_t most, bool adapts);

  // Begins a draft, of `most` tokens at most. `guess_is_free`: guesses take no time worth counting.
  void begin(std::size_t most, bool guess_is_free);
  // Whether a further guess is worth being made; whether the one that was made is worth being
  // checked: then it is part of the draft.
  bool wants_guess() const noexcept;
  bool take(float confidence) noexcept;

  // What was measured: a guess; a pass of n tokens through the model that decides; all of a step,
  // from which so many tokens came; a guess that was compared.
  void guess_took(double seconds) noexcept;
  void pass_took(std::size_t n_tokens, double seconds) noexcept;
  void step_took(double seconds, std::size_t n_tokens) noexcept;
  void was_right(float confidence, bool right) noexcept;

 private:
  // Guesses of like confidence.
  struct Class {
    FadingMean right;  // share
    double n_made;     // lately
  };

  void estimate_passes();
  double share_right(std::size_t c) const noexcept;
  double gain(double p) const noexcept;

  std::vector<FadingMean> measured_;  // [n tokens - 1], seconds of a pass
  FadingMean guess_, step_;           // seconds
  FadingMean tokens_;                 // a step
  FadingMean right_;                  // share, of all guesses
  std::vector<Class> classes_;

  std::size_t most_;
  bool adapts_;

  // Of the draft that is being made.
  std::size_t n_ = 0, most_now_ = 0;
  double p_ = 1;                      // that all of it is right
  std::vector<double> pass_seconds_;  // [n tokens]
  double guess_seconds_ = 0, token_seconds_ = 0, mean_right_ = 0;
};

}  // namespace lathe
