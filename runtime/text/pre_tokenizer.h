// The pre-tokenizers of byte-level BPE vocabularies, by their names in `tokenizer.ggml.pre`.
//
// A pre-tokenizer is a list of patterns. Each is applied in turn to every piece so far: matches
// become pieces, and so does the text between them; nothing is dropped. A new one is a line in the
// table of pre_tokenizer.cc.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/patterns.h"

namespace lathe {

struct PreTokenizer {
  std::span<const std::string_view> names;
  std::span<const MatchPattern> patterns;
  bool ignore_merges;  // a piece that is a token as a whole is not merged
  bool add_bos;        // unless the file says otherwise
};

inline constexpr std::string_view kDefaultPreTokenizer = "default";

// nullptr when no pre-tokenizer has this name.
const PreTokenizer* find_pre_tokenizer(std::string_view name) noexcept;

// All names, in the order of the table, separated by ", ".
std::string known_pre_tokenizers();

// Replaces `lengths` by the bytes of each piece of `text`, in order; they add up to text.size().
void split_text(const PreTokenizer& pre, std::string_view text, std::vector<std::size_t>& lengths);

}  // namespace lathe
