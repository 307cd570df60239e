// A grammar as it was written: rules and what they are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/grammar/char_ranges.h"

namespace lathe::grammar {

inline constexpr std::uint32_t kNoMost = UINT32_MAX;  // of a repetition: any number

struct Expression {
  enum class Kind : std::uint8_t {
    kLiteral,   // text
    kChars,     // one character of chars
    kRule,      // rule
    kSequence,  // parts, one after another; none: nothing
    kChoice,    // one of parts
    kRepeat,    // parts[0], least to most times
  };
  Kind kind = Kind::kSequence;
  std::string text{};  // UTF-8
  CharRanges chars{};  // normalized
  std::size_t rule = 0;
  std::uint32_t least = 0, most = 0;
  std::vector<Expression> parts{};
};

struct Rule {
  std::string name;
  Expression body;
};

struct Syntax {
  std::string where;  // what messages call the grammar: a file, an option
  std::vector<Rule> rules;
  std::size_t root = 0;
};

// Reads GBNF. Error (kBadInput) with line, column and what was expected; for a rule that is used
// and nowhere written, one that is written twice, no rule "root", and what is too large.
//
//   root  ::= item+              # a comment
//   item  ::= "- " text "\n"     literals: \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH
//   text  ::= [^\n]{1,80}        classes with ranges; . is any character
//   maybe ::= (item | text)? [a-zA-Z_] x* y+ z{3} z{3,}
//
// A rule ends with its line, but not inside parentheses, after ::= or |, nor before a line that
// begins with |.
Syntax parse_gbnf(std::string_view text, const std::string& where);

// Error (kBadInput) naming the rules: one that calls itself before it has read anything (left
// recursion, also by way of others and of what may be nothing), one that no text ever matches.
void check_syntax(const Syntax& syntax);

}  // namespace lathe::grammar
