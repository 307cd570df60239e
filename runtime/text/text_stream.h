// Text of a generation as it comes, token by token.
//
// What push() returns can be printed at once: whole UTF-8 characters only, and nothing that may
// turn out to be the beginning of a stop string. The pieces together do not depend on how the text
// was cut into tokens. Malformed bytes become U+FFFD, one per maximal subpart, so that the output
// is always valid UTF-8 (terminals, JSON).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/token.h"

namespace lathe {

class Tokenizer;

struct TextStreamOptions {
  bool special = false;  // print control tokens by name
  std::vector<std::string>
      stops;  // generation ends before the first of these; empty ones count not
};

class TextStream {
 public:
  // Keeps a reference to the tokenizer. Error (kUsage) for a stop string that is no valid UTF-8, as
  // it could never be met.
  explicit TextStream(const Tokenizer& tokenizer, TextStreamOptions options = {});

  // The text that the token completes; empty after a stop.
  std::string push(Token token);
  // What is still held back: no more tokens will come.
  std::string finish();

  // A stop string was met. It and what follows it is never returned.
  bool stopped() const noexcept { return stopped_; }

 private:
  // Matches one stop string against the stream (Knuth, Morris, Pratt 1977).
  struct Stop {
    std::string text;
    std::vector<std::size_t> fallback;  // [i]: longest proper border of text[0, i]
    std::size_t matched = 0;            // bytes of it that the stream ends with
  };

  void add_stop(std::string text);
  void advance(Stop& stop, char byte) noexcept;
  void accept(std::string_view text);
  std::string release();

  const Tokenizer& tokenizer_;
  bool special_;
  std::vector<Stop> stops_;
  std::string undecoded_;  // an unfinished character
  std::string held_;       // characters not returned yet
  bool stopped_ = false;
};

}  // namespace lathe
