// Texts that a grammar makes by chance: tokens drawn from what it allows until the text ends.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "runtime/text/grammar/token_grammar.h"
#include "runtime/text/tokenizer.h"

namespace lathe::test {

// Tokens that close something are taken more often the longer the text gets, so that it ends.
inline std::string random_text(const TokenGrammar& grammar, const Tokenizer& tokenizer,
                               std::mt19937& random) {
  constexpr std::size_t kLong = 60;  // tokens
  GrammarState state = grammar.start();
  std::string text;
  for (std::size_t n = 0; n < 20'000; ++n) {
    std::vector<Token> all, closing, quotes;
    bool may_end = false;
    state.allowed().for_each([&](Token token) {
      if (tokenizer.is_end_of_generation(token)) {
        may_end = true;
        return;
      }
      all.push_back(token);
      const std::string piece = tokenizer.piece(token);
      const bool closes =
          piece.find_first_of("\"]}") == 0 && piece.find_first_of("{[,\\") == piece.npos;
      if (closes) closing.push_back(token);
      if (closes && piece[0] == '"') quotes.push_back(token);
    });
    if (all.empty() && !may_end) return text + "<no way on>";
    if (may_end && (all.empty() || n > kLong || random() % 2 == 0)) return text;
    const bool close = !closing.empty() && random() % 4 < (n > kLong ? 3 : 1);
    const std::vector<Token>& from = !close ? all : quotes.empty() ? closing : quotes;
    const Token token = from[random() % from.size()];
    text += tokenizer.piece(token);
    if (!state.accept(token)) return text + "<refused>";
  }
  return text + "<no end>";
}

}  // namespace lathe::test
