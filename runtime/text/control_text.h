// Text in which some control tokens are meant and others are only spelled.
//
// A chat template's own control tokens are tokens; the names of control tokens in what people write
// must stay letters, also after the template has worked on them. So what people write is guarded
// first: the first byte of each such name gives way to a stand-in, one character of Unicode's last
// private area (U+100000 to U+1000FF, by the byte). To a template it is a letter like any other, so
// lengths, slices and trimming stay right, and no name of a control token matches it any more. It
// becomes the byte again once the control tokens are found. So does a beginning of a name at the
// end of what they write, which the template's own text could complete. Characters of that area
// which are in the text already are guarded, too: every text comes back as it was.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/tokenizer.h"

namespace lathe {

class ControlText {
 public:
  // Keeps a reference to the tokenizer.
  explicit ControlText(const Tokenizer& tokenizer);

  std::string guard(std::string_view text) const;
  static std::string unguard(std::string_view text);
  // Tokens of a text with guarded parts; no BOS and no EOS but those it names.
  std::vector<Token> encode(std::string_view guarded) const;

 private:
  struct Name {
    std::string text;
    Token token;
  };
  struct Match {
    std::size_t begin, end;
    Token token;
  };

  std::string with_names_guarded(std::string text) const;
  std::string with_end_guarded(const std::string& text) const;
  // Those that do not overlap, longer names first, in the order of the text.
  std::vector<Match> find(std::string_view text) const;

  const Tokenizer& tokenizer_;
  std::vector<Name> names_;  // longest first
};

}  // namespace lathe
