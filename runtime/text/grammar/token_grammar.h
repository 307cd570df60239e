// What a grammar allows of a vocabulary, token by token.
//
// Tokens are bytes and may end inside a character. A token is allowed where the text with it is the
// beginning of a text of the grammar; tokens that end a text where such a text may end; control
// tokens never. So a text that is drawn from what is allowed always matches, if it comes to its
// end.
//
// The cost of a mask: the tree of all tokens is walked with the grammar, once for each place of
// the grammar; what is found there without a look at the rules around is kept for all texts, and
// only tokens that leave the rule are looked at again (Dong et al. 2024, XGrammar, has the same
// division).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/text/token_mask.h"

namespace lathe {

class Tokenizer;
namespace grammar {
class MaskTable;
struct Program;
struct TextStates;
}  // namespace grammar

// A grammar that was read and checked. Immutable; copies share it.
class Grammar {
 public:
  // Reads GBNF (runtime/text/grammar/syntax.h). Error (kBadInput) that begins with `where` and
  // names line and column or the rule.
  static Grammar from_gbnf(std::string_view text, const std::string& where);
  // Reads a JSON schema (runtime/text/grammar/json_schema.h): the texts are JSON that it accepts.
  static Grammar from_json_schema(std::string_view text, const std::string& where);

  const std::shared_ptr<const grammar::Program>& program() const noexcept { return program_; }

 private:
  explicit Grammar(std::shared_ptr<const grammar::Program> program);

  std::shared_ptr<const grammar::Program> program_;
};

// Where a text stands in its grammar. A copy costs as much as two pointers, and goes its own way:
// drafted tokens can be tried on it and dropped. All states of one TokenGrammar share what they
// found out, so they are for one thread at a time.
class GrammarState {
 public:
  // The tokens that may come next. Error (kBadInput) for a grammar that may be in too many places
  // at once. Valid until this state accepts a token or asks again.
  const TokenMask& allowed();

  // Takes a token that allowed() has, and says so; any other one leaves the state as it is. Tokens
  // that end a text change nothing.
  bool accept(Token token);

  bool may_end() const noexcept;
  // Nothing but the end may come.
  bool is_complete() const noexcept;

 private:
  friend class TokenGrammar;
  explicit GrammarState(std::shared_ptr<grammar::MaskTable> table);
  void renew();

  std::shared_ptr<grammar::MaskTable> table_;
  std::shared_ptr<grammar::TextStates> states_;
  std::shared_ptr<const TokenMask> mask_;
  std::uint32_t state_;
};

// A grammar over a vocabulary.
class TokenGrammar {
 public:
  TokenGrammar(const Grammar& grammar, const Tokenizer& tokenizer);

  GrammarState start() const;
  const std::string& name() const noexcept;  // what messages call the grammar

 private:
  std::shared_ptr<grammar::MaskTable> table_;
};

}  // namespace lathe
