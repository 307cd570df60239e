#include "runtime/speculation/draft_length.h"

#include <algorithm>

namespace lathe {
namespace {

constexpr std::size_t kClasses = 10;  // of confidence: tenths
// Observations that means reach back over.
constexpr double kMemory = 16, kMemoryOfShares = 32;
constexpr double kFadeOfTimes = 0.99;  // a step
constexpr double kFadeOfShares = 0.995;
constexpr double kFadeOfClasses = 0.98;  // a guess
// What is to be expected, as a share of a pass of one token, until it is measured.
constexpr double kFurtherToken = 0.35, kGuess = 0.1;
constexpr double kRight = 0.75, kLeastRight = 0.6;  // of all guesses, likewise
// A pass of one token is what all gains are reckoned by: it is measured again at the latest when
// its weight is this.
constexpr double kTooOld = 0.5;
// Others use the machine, too: a time counts as at most so much of what it was expected to be. One
// that is really longer gets there in a few steps.
constexpr double kOutlier = 1.5;

std::size_t class_of(float confidence) noexcept {
  const float tenths = std::clamp(confidence, 0.0f, 1.0f) * kClasses;
  return std::min(static_cast<std::size_t>(tenths), kClasses - 1);
}

// `expected` where there is no mean yet; 0: nothing is.
void add_time(FadingMean& mean, double seconds, double expected) noexcept {
  if (mean.weight() > 0) expected = mean.mean();
  mean.add(expected > 0 ? std::min(seconds, kOutlier * expected) : seconds);
}

}  // namespace

DraftLength::DraftLength(std::size_t most, bool adapts)
    : measured_(most + 1, FadingMean(kMemory)),
      guess_(kMemory),
      step_(kMemory),
      tokens_(kMemory),
      right_(kMemory),
      classes_(kClasses, {FadingMean(kMemoryOfShares), 1.0 / kClasses}),
      most_(most),
      adapts_(adapts),
      pass_seconds_(most + 2) {}

// Of 1 to most + 1 tokens: what was measured, and for what was not (lately), one token less and
// what a further one costs on average.
void DraftLength::estimate_passes() {
  const double one = measured_[0].mean();
  double longer = kFurtherToken * one, n_further = 1;
  for (std::size_t i = 1; i < measured_.size(); ++i) {
    longer += measured_[i].weight() * (measured_[i].mean() - one);
    n_further += measured_[i].weight() * static_cast<double>(i);
  }
  const double further = std::max(longer / n_further, 0.0);
  pass_seconds_[1] = one;
  for (std::size_t n = 2; n < pass_seconds_.size(); ++n) {
    pass_seconds_[n] = measured_[n - 1].value(pass_seconds_[n - 1] + further);
  }
}

void DraftLength::begin(std::size_t most, bool guess_is_free) {
  n_ = 0;
  p_ = 1;
  most_now_ = std::min(most, most_);
  if (!adapts_) return;
  if (measured_[0].weight() < kTooOld) most_now_ = 0;
  if (most_now_ == 0) return;
  estimate_passes();
  const double one = pass_seconds_[1];
  guess_seconds_ = guess_is_free ? 0 : guess_.value(kGuess * one);
  token_seconds_ = tokens_.weight() > 0 ? std::min(one, step_.mean() / tokens_.mean()) : one;
  double n_right = 0, n_made = 0;
  for (std::size_t c = 0; c < kClasses; ++c) {
    n_right += classes_[c].n_made * share_right(c);
    n_made += classes_[c].n_made;
  }
  mean_right_ = n_right / n_made;
}

// Of a class that is not known (any more) as many as of all, or enough for it to be tried.
double DraftLength::share_right(std::size_t c) const noexcept {
  return classes_[c].right.value(std::max(kLeastRight, right_.value(kRight)));
}

// Seconds that a further guess saves, when it and those before it are right with probability `p`:
// alone, or with as many after it as are best, which are right as often as all are.
double DraftLength::gain(double p) const noexcept {
  double best = -1, tokens = 0, guessing = 0;
  for (std::size_t n = n_ + 1; n <= most_now_; ++n) {
    tokens += p;
    const double longer = pass_seconds_[n + 1] - pass_seconds_[n_ + 1];
    best = std::max(best, tokens * token_seconds_ - longer - guessing);
    p *= mean_right_;
    guessing += guess_seconds_;
  }
  return best;
}

bool DraftLength::wants_guess() const noexcept {
  if (n_ >= most_now_ || !adapts_) return n_ < most_now_;
  double gained = 0, n_made = 0;
  for (std::size_t c = 0; c < kClasses; ++c) {
    gained += classes_[c].n_made * std::max(0.0, gain(p_ * share_right(c)));
    n_made += classes_[c].n_made;
  }
  return gained >= guess_seconds_ * n_made;
}

bool DraftLength::take(float confidence) noexcept {
  const std::size_t of_guess = class_of(confidence);
  for (Class& c : classes_) c.n_made *= kFadeOfClasses;
  classes_[of_guess].n_made += 1;
  const double p = p_ * share_right(of_guess);
  if (n_ >= most_now_ || (adapts_ && gain(p) <= 0)) return false;
  p_ = p;
  ++n_;
  return true;
}

void DraftLength::guess_took(double seconds) noexcept { add_time(guess_, seconds, guess_seconds_); }

void DraftLength::pass_took(std::size_t n_tokens, double seconds) noexcept {
  for (FadingMean& pass : measured_) pass.fade(kFadeOfTimes);
  add_time(measured_[n_tokens - 1], seconds, pass_seconds_[n_tokens]);
  guess_.fade(kFadeOfTimes);
  right_.fade(kFadeOfShares);
  for (Class& c : classes_) c.right.fade(kFadeOfShares);
}

void DraftLength::step_took(double seconds, std::size_t n_tokens) noexcept {
  add_time(step_, seconds, 0);
  tokens_.add(static_cast<double>(n_tokens));
}

void DraftLength::was_right(float confidence, bool right) noexcept {
  right_.add(right ? 1 : 0);
  classes_[class_of(confidence)].right.add(right ? 1 : 0);
}

}  // namespace lathe
