// How a text is cut into chunks and windows.
#include "quant/eval/text_chunks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "quant/eval/chunk_texts.h"
#include "runtime/base/error.h"
#include "tests/support/error_of.h"

namespace lathe {
namespace {

std::vector<Token> count_to(std::size_t n) {
  std::vector<Token> tokens(n);
  std::iota(tokens.begin(), tokens.end(), 0);
  return tokens;
}

TEST(TextChunks, AreCutSideBySideAndTheRestIsDropped) {
  const TextChunks text(count_to(35), 10, 0, 99);
  ASSERT_EQ(text.n_chunks(), 3u);
  EXPECT_THAT(text.chunk(1), testing::ElementsAre(99, 11, 12, 13, 14, 15, 16, 17, 18, 19));
  EXPECT_EQ(text.first_scored(), 5u);
  EXPECT_EQ(text.n_scored(), 4u);
  EXPECT_EQ(text.text_tokens(), count_to(30)) << "as the text has them, without BOS";
  EXPECT_EQ(TextChunks(count_to(35), 10, 2, {}).n_chunks(), 2u);
}

TEST(TextChunks, WindowsScoreEveryTokenOnce) {
  const TextChunks text(count_to(40), 10, 0, {}, 3);
  EXPECT_EQ(text.n_chunks(), 11u);  // the last starts at 30
  const ChunkTexts texts(text, 0, text.first_scored());
  std::multiset<Token> scored;
  for (const RunText window : texts.texts()) {
    for (std::size_t i = 0; i < window.size(); ++i) {
      if (!window[i].want_logits) continue;
      EXPECT_GE(i + 1, 7u) << "tokens before the one that is predicted";
      scored.insert(window[i + 1].token);
    }
  }
  for (Token t = 7; t < 40; ++t) EXPECT_EQ(scored.count(t), 1u) << t;
}

TEST(TextChunks, WhatCannotBeScoredIsRefused) {
  const auto message = [](std::size_t n, std::size_t n_ctx, std::size_t stride) {
    return message_of([&] { TextChunks(count_to(n), n_ctx, 0, {}, stride); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(message(19, 10, 0), testing::HasSubstr("19 tokens; 2 chunks of 10 need at least 20"));
  EXPECT_THAT(message(12, 10, 3), testing::HasSubstr("need at least 13"));
  EXPECT_THAT(message(50, 3, 0), testing::HasSubstr("too short"));
  EXPECT_THAT(message(50, 10, 10), testing::HasSubstr("stride of 10"));
}

}  // namespace
}  // namespace lathe
