// Which tokens a grammar allows: against each token tried alone, and by texts made by chance.
#include "runtime/text/grammar/token_grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "runtime/gguf/gguf_file.h"
#include "tests/support/grammar_walk.h"
#include "tests/support/source_path.h"
#include "tests/text/small_vocabulary.h"

namespace lathe {
namespace {

// Bytes, and tokens that go over the ends of rules and of characters.
Tokenizer tokenizer_of_pieces() {
  test::SmallVocabulary v = test::small_bpe();
  for (const char* text : {"ab",        "abc",      "\":",        "\", \"",
                           "{\"",       "\"}",      "}}",         "]]",
                           "],[",       "[[[[",     "true,",      "null",
                           "\xC3\xA9t", "\xE2\x82", "\x82\xAC\"", "\xF0\x9F\x98\x80",
                           " ",         "  ",       "\n  ",       "12",
                           "3.5",       "a\",\"b",  "\\\"",       "\\u00",
                           "e9\"",      "))",       "((",         "()"}) {
    bool is_new = true;
    for (const std::string_view known : v.spec.tokens) is_new &= known != test::spell_bytes(text);
    if (is_new) v.add(test::spell_bytes(text));
  }
  v.add("<|eot_id|>", TokenType::kControl);
  v.add("", TokenType::kUserDefined);
  return v.make();
}

constexpr const char* kJson = R"(
root ::= value
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws (member ("," ws member)*)? ws "}"
member ::= string ":" ws value
array ::= "[" ws (value ("," ws value)*)? ws "]"
string ::= "\"" char* "\""
char ::= [^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-f]{4})
number ::= "-"? [0-9]+ ("." [0-9]+)?
ws ::= [ \n]{0,3}
)";

Token token_of(const Tokenizer& tokenizer, const std::string& piece) {
  for (Token t = 0; t < static_cast<Token>(tokenizer.n_vocab()); ++t) {
    if (tokenizer.piece(t) == piece) return t;
  }
  ADD_FAILURE() << "no token " << piece;
  return 0;
}

GrammarState after(const TokenGrammar& grammar, const Tokenizer& tokenizer,
                   const std::string& text) {
  GrammarState state = grammar.start();
  for (const char byte : text) {
    EXPECT_TRUE(state.accept(token_of(tokenizer, std::string(1, byte)))) << text;
  }
  return state;
}

// The mask and each token by itself say the same.
void expect_mask_is_right(GrammarState state, const Tokenizer& tokenizer) {
  const TokenMask mask = state.allowed();
  ASSERT_EQ(mask.n_vocab(), tokenizer.n_vocab());
  for (Token t = 0; t < static_cast<Token>(tokenizer.n_vocab()); ++t) {
    GrammarState tried = state;
    ASSERT_EQ(mask.has(t), tried.accept(t)) << tokenizer.piece(t, true);
  }
}

TEST(TokenGrammars, MaskIsWhatIsAcceptedTokenByToken) {
  const Tokenizer tokenizer = tokenizer_of_pieces();
  const TokenGrammar json(Grammar::from_gbnf(kJson, "json"), tokenizer);
  for (const char* text :
       {"", "{", "{\"", "{\"a", "{\"a\\", "{\"a\\u0", "{\"a\"", "{\"a\":", "[[[\"x", "[1", "[1,\n",
        "tr", "{\"k\":[{\"x\":\"\xC3", "[\"\xE2\x82", "12.5"}) {
    SCOPED_TRACE(text);
    expect_mask_is_right(after(json, tokenizer, text), tokenizer);
  }
  const TokenGrammar nested(
      Grammar::from_gbnf("root ::= \"(\" root \")\" | \"(\" root \"]\" | [^()\\]]{0,40}", "n"),
      tokenizer);
  for (const char* text : {"", "((", "((ab", "((ab)", "((\xE2\x82", "(((a))]"}) {
    SCOPED_TRACE(text);
    expect_mask_is_right(after(nested, tokenizer, text), tokenizer);
  }
}

// Near the greatest depth what is known of a place alone is not enough.
TEST(TokenGrammars, MaskIsRightInTheDepth) {
  const Tokenizer tokenizer = tokenizer_of_pieces();
  const TokenGrammar grammar(
      Grammar::from_gbnf(
          "root ::= \"[\" inner \"]\" | \"1\"\ninner ::= root \"\" | \"{\" root \"}\"", "deep"),
      tokenizer);
  GrammarState state = grammar.start();
  const Token open = token_of(tokenizer, "[");
  int n = 0;
  while (state.allowed().has(open)) {
    ASSERT_TRUE(state.accept(open));
    if (++n % 97 == 0 || n > 480) expect_mask_is_right(state, tokenizer);
    ASSERT_LT(n, 2000);
  }
  EXPECT_GT(n, 400);
  ASSERT_TRUE(state.accept(token_of(tokenizer, "1")));
  for (; n > 0; --n) ASSERT_TRUE(state.accept(token_of(tokenizer, "]")));
  EXPECT_TRUE(state.is_complete());
}

TEST(TokenGrammars, EndTokensWhereTheTextMayEndAndControlTokensNever) {
  const Tokenizer tokenizer = tokenizer_of_pieces();
  const Token eos = tokenizer.eos(), bos = tokenizer.bos(), eot = tokenizer.find("<|eot_id|>");
  ASSERT_TRUE(tokenizer.is_end_of_generation(eot));
  const TokenGrammar grammar(Grammar::from_gbnf("root ::= \"a\" .*", "g"), tokenizer);
  GrammarState state = grammar.start();
  EXPECT_FALSE(state.allowed().has(eos));
  EXPECT_FALSE(state.accept(eos));
  EXPECT_EQ(state.allowed().count(), 4u);  // a, ab, abc, a","b
  ASSERT_TRUE(state.accept(token_of(tokenizer, "abc")));
  EXPECT_TRUE(state.may_end());
  EXPECT_FALSE(state.is_complete());
  EXPECT_TRUE(state.allowed().has(eos));
  EXPECT_TRUE(state.allowed().has(eot));
  EXPECT_FALSE(state.allowed().has(bos));
  EXPECT_TRUE(state.accept(eos));
  EXPECT_FALSE(state.accept(bos));
  EXPECT_FALSE(state.accept(-1));
  EXPECT_FALSE(state.accept(static_cast<Token>(tokenizer.n_vocab())));
  // In the middle of a character no text ends.
  ASSERT_TRUE(state.accept(token_of(tokenizer, "\xE2\x82")));
  EXPECT_FALSE(state.may_end());
  EXPECT_FALSE(state.allowed().has(eos));
  EXPECT_TRUE(state.accept(token_of(tokenizer, "\xAC")));
  EXPECT_TRUE(state.may_end());
}

TEST(TokenGrammars, ACopyGoesItsOwnWay) {
  const Tokenizer tokenizer = tokenizer_of_pieces();
  const TokenGrammar json(Grammar::from_gbnf(kJson, "json"), tokenizer);
  GrammarState state = after(json, tokenizer, "{\"a\":");
  const TokenMask before = state.allowed();
  GrammarState draft = state;
  for (const char* piece : {"[[[[", "12", "]]", "]", "]", "}"}) {
    ASSERT_TRUE(draft.accept(token_of(tokenizer, piece))) << piece;
  }
  EXPECT_TRUE(draft.is_complete());
  EXPECT_EQ(state.allowed(), before);
  EXPECT_FALSE(state.may_end());
}

// A long text: what is kept of its states is given up now and then.
TEST(TokenGrammars, GoesOnWhenItsStatesAreRenewed) {
  const Tokenizer tokenizer = tokenizer_of_pieces();
  const TokenGrammar grammar(
      Grammar::from_gbnf("root ::= line*\nline ::= [^\\n]{0,30000} \"\\n\"", "lines"), tokenizer);
  GrammarState state = grammar.start();
  const Token a = token_of(tokenizer, "abc"), end = token_of(tokenizer, "\n");
  for (int line = 0; line < 8; ++line) {
    for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(state.accept(a));
    EXPECT_FALSE(state.accept(a));
    EXPECT_EQ(state.allowed().count(), 2u);  // an end of line, and one with blanks after it
    ASSERT_TRUE(state.accept(end));
    EXPECT_TRUE(state.may_end());
  }
}

TEST(TokenGrammars, RandomTextsAreJson) {
  const Tokenizer small = tokenizer_of_pieces();
  const Tokenizer spm = Tokenizer::from_metadata(
      GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf")).metadata());
  std::mt19937 random(5);
  for (const Tokenizer* tokenizer : {&small, &spm}) {
    const TokenGrammar json(Grammar::from_gbnf(kJson, "json"), *tokenizer);
    for (int i = 0; i < 30; ++i) {
      const std::string text = test::random_text(json, *tokenizer, random);
      std::string escapes_of_halves = text;  // \ud800 is in the grammar, and refused by the reader
      for (std::size_t at; (at = escapes_of_halves.find("\\ud")) != std::string::npos;) {
        escapes_of_halves.replace(at, 3, "\\u0");
      }
      EXPECT_TRUE(nlohmann::json::accept(escapes_of_halves)) << text;
    }
  }
}

}  // namespace
}  // namespace lathe
