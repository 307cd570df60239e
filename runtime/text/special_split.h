// Cuts a text at the tokens that are matched verbatim before any tokenizer sees the rest.
//
// Candidates are tried longest first; each takes every non-overlapping occurrence, left to right,
// in what is still raw. User-defined tokens are always candidates, control and unknown tokens only
// when the caller trusts the text to contain them.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "runtime/text/token.h"

namespace lathe {

class Vocabulary;

struct Fragment {
  std::string_view text;
  Token token;  // kNoToken: raw text
};

class SpecialSplitter {
 public:
  explicit SpecialSplitter(const Vocabulary& vocabulary);

  // The fragments of `text` in order; none is empty.
  std::vector<Fragment> split(std::string_view text, bool parse_special) const;

 private:
  struct Candidate {
    std::string_view text;  // belongs to the vocabulary
    Token token;
    bool always;  // user-defined
  };
  struct Range {
    std::size_t begin = 0, end = 0;
  };

  std::vector<bool> present_in(std::string_view text) const;
  void mark_matches_at(std::string_view text, std::vector<bool>& present) const;

  std::vector<Candidate> candidates_;     // sorted by text
  std::array<Range, 256> by_first_byte_;  // ranges of candidates_
  std::vector<std::size_t> longest_first_;
};

}  // namespace lathe
