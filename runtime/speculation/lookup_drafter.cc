#include "runtime/speculation/lookup_drafter.h"

#include <algorithm>

namespace lathe {
namespace {

constexpr std::size_t kShortest = 2, kLongest = 4;
constexpr std::size_t kSureLength = 9;  // a longer match says no more

}  // namespace

LookupDrafter::LookupDrafter() : index_(kShortest, kLongest) {}

void LookupDrafter::read(std::span<const Token> text) {
  index_.read(text);
  guesses_.clear();
  match_ = index_.find(kSureLength);
}

// A guess may go on from guesses, where the text repeats what it is just saying.
Token LookupDrafter::token_at(std::size_t pos) const noexcept {
  const std::size_t n_text = index_.text().size();
  return pos < n_text ? index_.text()[pos] : guesses_[pos - n_text];
}

std::optional<Guess> LookupDrafter::next(TokenChoice& choice) {
  if (!match_) return std::nullopt;
  const Token token = token_at(match_->next);
  if (!choice.accept(token)) return std::nullopt;
  const std::size_t length = std::min(match_->length, kSureLength);
  ++match_->next;
  ++match_->length;
  guesses_.push_back(token);
  return Guess{token, (static_cast<float>(length) + 0.5f) / (kSureLength + 1)};
}

}  // namespace lathe
