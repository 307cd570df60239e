// A set of tokens of a vocabulary: those that may be drawn.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/text/token.h"

namespace lathe {

class TokenMask {
 public:
  TokenMask() = default;
  explicit TokenMask(std::size_t n_vocab) : n_vocab_(n_vocab), words_((n_vocab + 63) / 64, 0) {}

  std::size_t n_vocab() const noexcept { return n_vocab_; }

  // Tokens are in the vocabulary.
  bool has(Token token) const noexcept { return (word(token) >> bit(token) & 1) != 0; }
  void add(Token token) noexcept { words_[index(token)] |= std::uint64_t{1} << bit(token); }
  void remove(Token token) noexcept { words_[index(token)] &= ~(std::uint64_t{1} << bit(token)); }

  // The other one is of the same vocabulary.
  void add_all(const TokenMask& other) noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }

  void keep_common(const TokenMask& other) noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  }

  bool any() const noexcept {
    return std::any_of(words_.begin(), words_.end(), [](std::uint64_t w) { return w != 0; });
  }
  std::size_t count() const noexcept {
    std::size_t n = 0;
    for (const std::uint64_t w : words_) n += static_cast<std::size_t>(std::popcount(w));
    return n;
  }

  // Calls visit(token) for each token of the vocabulary that is not in the set, in order.
  template <typename Visit>
  void for_each_other(const Visit& visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::size_t left = n_vocab_ - i * 64;
      const std::uint64_t known = left >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
      for (std::uint64_t rest = ~words_[i] & known; rest != 0; rest &= rest - 1) {
        visit(static_cast<Token>(i * 64 + static_cast<std::size_t>(std::countr_zero(rest))));
      }
    }
  }

  // Calls visit(token) for each token of the set, in order.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
        visit(static_cast<Token>(i * 64 + static_cast<std::size_t>(std::countr_zero(rest))));
      }
    }
  }

  bool operator==(const TokenMask&) const = default;

 private:
  static std::size_t index(Token token) noexcept { return static_cast<std::size_t>(token) / 64; }
  static unsigned bit(Token token) noexcept { return static_cast<unsigned>(token) % 64; }
  std::uint64_t word(Token token) const noexcept { return words_[index(token)]; }

  std::size_t n_vocab_ = 0;
  std::vector<std::uint64_t> words_;
};

}  // namespace lathe
