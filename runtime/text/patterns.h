// The regular expressions of the published pre-tokenizers, as hand-written matchers.
//
// Each function matches one pattern at one position with the semantics of a backtracking engine
// (first alternative that matches, greedy inside). Over a whole text each is linear. Hand-written,
// as that is faster than a general engine, treats malformed UTF-8 as we want it, and takes the
// Unicode classes of utf8proc, which agree with python3-regex for every code point (PCRE2's do not:
// its \s has U+180E). tests/golden/presplit.json holds what python3-regex makes of the same
// patterns.
#pragma once

#include <cstddef>
#include <string_view>

namespace lathe {

// The end of the match that starts at `pos`, or `pos` when the pattern does not match there.
// `pos` must be below text.size(). No pattern matches the empty string.
using MatchPattern = std::size_t (*)(std::string_view text, std::size_t pos) noexcept;

// '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t match_gpt2(std::string_view text, std::size_t pos) noexcept;

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
// |\s*[\r\n]+|\s+(?!\S)|\s+
std::size_t match_llama3(std::string_view text, std::size_t pos) noexcept;

// As Llama 3, but with \p{N} in place of \p{N}{1,3}.
std::size_t match_qwen2(std::string_view text, std::size_t pos) noexcept;

// [^\r\n\p{L}\p{N}]?U*W+|[^\r\n\p{L}\p{N}]?U+W*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*
// |\s*[\r\n]+|\s+(?!\S)|\s+   with U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], W =
// [\p{Ll}\p{Lm}\p{Lo}\p{M}]
std::size_t match_tekken(std::string_view text, std::size_t pos) noexcept;

// \p{N}
std::size_t match_number(std::string_view text, std::size_t pos) noexcept;
// \p{N}+
std::size_t match_numbers(std::string_view text, std::size_t pos) noexcept;
// [\p{P}\$\+<=>\^~\|]+
std::size_t match_punctuation(std::string_view text, std::size_t pos) noexcept;
// [0-9][0-9][0-9]
std::size_t match_three_digits(std::string_view text, std::size_t pos) noexcept;

}  // namespace lathe
