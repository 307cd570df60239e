#include <array>
#include <span>

#include "runtime/text/import/readers.h"

namespace lathe {
namespace {

// As tokenizer files spell the patterns that runtime/text/patterns.h matches. Two spellings of one
// pattern stand both.
constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt2Short =
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Long =
    R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDigit = R"(\p{N})";

struct Known {
  std::array<std::string_view, 2> patterns;  // the second may be empty
  bool ignores_merges;
  std::string_view name;
};
constexpr Known kKnown[] = {
    {{kLlama3, {}}, true, "llama-bpe"},      {{kLlama3Long, {}}, true, "llama-bpe"},
    {{kLlama3, {}}, false, "dbrx"},          {{kLlama3Long, {}}, false, "dbrx"},
    {{kTekken, {}}, true, "tekken"},         {{kTekken, {}}, false, "tekken"},
    {{kQwen2, {}}, false, "qwen2"},          {{kDigit, kGpt2}, false, "smollm"},
    {{kDigit, kGpt2Short}, false, "smollm"}, {{kGpt2, {}}, false, "gpt-2"},
    {{kGpt2Short, {}}, false, "gpt-2"},
};

bool same(std::span<const std::string_view> known, const std::vector<std::string>& patterns) {
  const std::size_t n = known[1].empty() ? 1 : 2;
  if (patterns.size() != n) return false;
  for (std::size_t i = 0; i < n; ++i) {
    if (patterns[i] != known[i]) return false;
  }
  return true;
}

}  // namespace

std::string pre_tokenizer_of(const std::vector<std::string>& patterns, bool ignores_merges) {
  for (const Known& known : kKnown) {
    if (known.ignores_merges == ignores_merges && same(known.patterns, patterns)) {
      return std::string(known.name);
    }
  }
  return {};
}

}  // namespace lathe
