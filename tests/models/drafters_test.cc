// What guesses, by itself: the look-up and its index, and which vocabularies are the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/generation.h"
#include "runtime/speculation/lookup_drafter.h"
#include "runtime/speculation/ngram_index.h"
#include "runtime/speculation/same_vocabulary.h"
#include "tests/support/error_of.h"
#include "tests/text/small_vocabulary.h"

namespace lathe {
namespace {

TEST(LookupDrafter, GoesOnAsTheTextDidBefore) {
  const Tokenizer tokenizer = test::small_bpe().make();
  TokenChoice choice(tokenizer, {});
  LookupDrafter drafter;
  const auto guesses = [&](std::vector<Token> text, int n) {
    drafter.read(text);
    std::vector<Token> out;
    for (int i = 0; i < n; ++i) {
      const std::optional<Guess> guess = drafter.next(choice);
      if (!guess) break;
      out.push_back(guess->token);
    }
    return out;
  };
  using Tokens = std::vector<Token>;
  EXPECT_EQ(guesses({1, 2, 3, 4, 5}, 4), Tokens({}));
  EXPECT_EQ(guesses({1, 2, 3, 4, 5, 1, 2}, 4), Tokens({3, 4, 5, 1}));
  // Beyond the end of the text it goes on with its own guesses.
  EXPECT_EQ(guesses({9, 8, 9, 8}, 5), Tokens({9, 8, 9, 8, 9}));
  // The latest place counts, and a longer match before a later one.
  EXPECT_EQ(guesses({1, 2, 3, 1, 2, 4, 1, 2}, 1), Tokens({4}));
  EXPECT_EQ(guesses({7, 1, 2, 3, 1, 2, 4, 7, 1, 2}, 1), Tokens({3}));
}

// Against the longest and latest place by looking at all of them.
TEST(NgramIndex, FindsTheLatestOfTheLongest) {
  unsigned seed = 1;
  const auto random = [&](unsigned n) { return (seed = seed * 1664525u + 1013904223u) / 7 % n; };
  NgramIndex index(2, 4);
  for (int round = 0; round < 40; ++round) {
    std::vector<Token> text;
    for (int i = 0; i < 60; ++i) {
      text.push_back(static_cast<Token>(random(4)));
      if (random(3) == 0) continue;  // several at once
      index.read(text);
      std::optional<std::size_t> expected;
      std::size_t longest = 1;
      for (std::size_t next = 1; next < text.size(); ++next) {
        std::size_t n = 0;
        while (n < 4 && n < next && text[next - 1 - n] == text[text.size() - 1 - n]) ++n;
        if (n < longest || n < 2) continue;
        longest = n;
        expected = next;
      }
      const auto match = index.find(9);
      ASSERT_EQ(match.has_value(), expected.has_value());
      if (!match) continue;
      EXPECT_EQ(match->next, *expected);
      EXPECT_GE(match->length, longest);
      EXPECT_LE(match->length, 9u);
    }
  }
}

TEST(SameVocabulary, NamesTheFirstTokenThatDiffers) {
  test::SmallVocabulary one = test::small_bpe(), other = test::small_bpe();
  require_same_vocabulary(one.make(), other.make(), "draft.gguf");
  const std::string odd = "odd";
  other.spec.tokens[65] = odd;
  EXPECT_THAT(message_of([&] { require_same_vocabulary(one.make(), other.make(), "draft.gguf"); },
                         ErrorKind::kBadInput),
              testing::AllOf(testing::StartsWith("draft.gguf: token 65"),
                             testing::HasSubstr("'odd'"), testing::HasSubstr("'A'")));
  test::SmallVocabulary longer = test::small_bpe();
  longer.add("more");
  EXPECT_THAT(message_of([&] { require_same_vocabulary(one.make(), longer.make(), "d"); },
                         ErrorKind::kBadInput),
              testing::HasSubstr("259 tokens, the model's has 258"));
  test::SmallVocabulary control = test::small_bpe();
  (*control.spec.types)[70] = static_cast<std::int32_t>(TokenType::kControl);
  EXPECT_THROW(require_same_vocabulary(one.make(), control.make(), "d"), Error);
}

}  // namespace
}  // namespace lathe
