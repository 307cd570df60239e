// Where the last tokens of a text stood before: n-grams of a text to the latest position that they
// ended at, for each length of a range.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "runtime/batch.h"

namespace lathe {

class NgramIndex {
 public:
  // Lengths of n-grams, 1 <= shortest <= longest.
  NgramIndex(std::size_t shortest, std::size_t longest);

  // The text from position 0 on. Linear in what is new; in all of it where it does not go on with
  // the last one.
  void read(std::span<const Token> text);
  std::span<const Token> text() const noexcept { return text_; }

  struct Match {
    std::size_t next;    // position of the token that followed
    std::size_t length;  // tokens before it that the text ends with
  };
  // The latest place of the longest n-gram that the text ends with; its length is counted on, up to
  // `most_length`, where more of the text is the same.
  std::optional<Match> find(std::size_t most_length) const;

 private:
  static std::uint64_t key(std::span<const Token> ngram) noexcept;
  std::size_t same_before(std::size_t next, std::size_t most) const noexcept;
  void add(std::size_t next);

  std::size_t shortest_, longest_;
  std::vector<Token> text_;
  std::unordered_map<std::uint64_t, std::size_t> next_;  // of the n-gram with this key
};

}  // namespace lathe
