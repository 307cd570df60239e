#include "runtime/speculation/speculation.h"

#include <chrono>
#include <string>

#include "runtime/base/error.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

const SpeculationOptions& checked(const SpeculationOptions& o) {
  if (o.most == 0 || o.most > kMostDrafted) {
    throw usage_error("drafts of " + std::to_string(o.most) + " tokens at most, expected 1 to " +
                      std::to_string(kMostDrafted));
  }
  if (o.least > o.most) {
    throw usage_error("drafts of " + std::to_string(o.least) + " tokens at least, and of " +
                      std::to_string(o.most) + " at most");
  }
  return o;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Speculation::Speculation(Drafter& drafter, const SpeculationOptions& options)
    : drafter_(drafter), options_(checked(options)), length_(options.most, options.adapts) {}

std::span<const Token> Speculation::draft(std::span<const Token> text, TokenChoice& choice,
                                          std::size_t most) {
  const Clock::time_point start = Clock::now();
  draft_.clear();
  confidences_.clear();
  length_.begin(most, drafter_.is_free());
  if (length_.wants_guess()) {
    drafter_.read(text);
    const TokenChoice::State before = choice.save();
    guess(choice);
    choice.restore(before);
  }
  if (draft_.size() < options_.least) draft_.clear();
  step_seconds_ = seconds_since(start);
  return draft_;
}

void Speculation::guess(TokenChoice& choice) {
  while (length_.wants_guess()) {
    const Clock::time_point start = Clock::now();
    const std::optional<Guess> guess = drafter_.next(choice);
    length_.guess_took(seconds_since(start));
    if (!guess) return;
    // What the text ends with is not read by the model.
    if (choice.ends_text(guess->token) || choice.is_complete()) return;
    if (!length_.take(guess->confidence)) return;
    draft_.push_back(guess->token);
    confidences_.push_back(guess->confidence);
  }
}

void Speculation::pass_took(double seconds) {
  length_.pass_took(1 + draft_.size(), seconds);
  step_seconds_ += seconds;
}

void Speculation::accepted(std::size_t n, bool refuted) {
  length_.step_took(step_seconds_, 1 + n);
  for (std::size_t i = 0; i < n; ++i) length_.was_right(confidences_[i], true);
  if (refuted) length_.was_right(confidences_[n], false);
}

}  // namespace lathe
