// DRY ("don't repeat yourself", P. E. Weidmann 2024): a penalty on the token that would go on with
// a repetition, growing exponentially with the length of what is repeated.
//
// Where the text ends in a sequence that stood there before, of n tokens, the token that followed
// it then loses multiplier * base^(n - allowed_length). Sequences do not reach over a breaker.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/text/token.h"

namespace lathe {

struct DryParams {
  float multiplier = 0.0f;  // 0: off
  float base = 1.75f;
  int allowed_length = 2;  // repetitions shorter than this cost nothing
  int window = -1;         // tokens that it looks back; 0: off, -1: all
  std::vector<Token> breakers{};
};

class DryPenalty {
 public:
  explicit DryPenalty(const DryParams& params);

  bool is_on() const noexcept { return params_.multiplier > 0 && params_.window != 0; }
  void accept(Token token);
  void reset() { history_.clear(); }
  std::size_t size() const noexcept { return history_.size(); }
  void truncate(std::size_t n) { history_.resize(n); }  // keeps the first n
  // In time linear in the window.
  void apply(std::span<float> logits);

 private:
  bool is_breaker(Token token) const noexcept;
  void find_repeats(std::span<const Token> recent);

  DryParams params_;  // breakers sorted
  std::vector<Token> history_;
  std::vector<std::size_t> repeats_;  // [k]: tokens that end here and k tokens ago
  std::vector<std::size_t> longest_;  // by the token that followed; zero between calls
};

}  // namespace lathe
