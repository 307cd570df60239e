#include "runtime/text/pre_tokenizer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/text/utf8.h"

namespace lathe {
namespace {

constexpr std::array<MatchPattern, 1> kLlama3Patterns = {match_llama3};
constexpr std::array<MatchPattern, 1> kTekkenPatterns = {match_tekken};
constexpr std::array<MatchPattern, 1> kQwen2Patterns = {match_qwen2};
constexpr std::array<MatchPattern, 1> kGpt2Patterns = {match_gpt2};
constexpr std::array<MatchPattern, 2> kDigitsPatterns = {match_number, match_gpt2};
constexpr std::array<MatchPattern, 4> kDefaultPatterns = {match_punctuation, match_gpt2,
                                                          match_numbers, match_three_digits};

constexpr std::array<std::string_view, 9> kLlama3Names = {"llama-bpe", "llama3",  "llama-v3",
                                                          "pixtral",   "falcon3", "falcon-h1",
                                                          "midm-2.0",  "lfm2",    "jina-v5-nano"};
constexpr std::array<std::string_view, 1> kTekkenNames = {"tekken"};
constexpr std::array<std::string_view, 2> kDbrxNames = {"dbrx", "smaug-bpe"};
constexpr std::array<std::string_view, 5> kGpt2Names = {"gpt-2", "olmo", "phi-2", "mpt",
                                                        "gigachat"};
constexpr std::array<std::string_view, 7> kDigitsNames = {
    "smollm", "starcoder", "refact", "codeshell", "minerva-7b", "command-r", "exaone"};
constexpr std::array<std::string_view, 3> kQwen2Names = {"qwen2", "deepseek-r1-qwen", "stablelm2"};
constexpr std::array<std::string_view, 1> kDefaultNames = {kDefaultPreTokenizer};

constexpr std::array<PreTokenizer, 7> kPreTokenizers = {{
    {kLlama3Names, kLlama3Patterns, true, true},
    {kTekkenNames, kTekkenPatterns, true, true},
    {kDbrxNames, kLlama3Patterns, false, false},
    {kGpt2Names, kGpt2Patterns, false, false},
    {kDigitsNames, kDigitsPatterns, false, false},
    {kQwen2Names, kQwen2Patterns, false, false},
    {kDefaultNames, kDefaultPatterns, false, false},
}};

void apply_pattern(MatchPattern match, std::string_view piece, std::vector<std::size_t>& lengths) {
  std::size_t gap_start = 0;
  for (std::size_t pos = 0; pos < piece.size();) {
    const std::size_t end = match(piece, pos);
    if (end == pos) {
      pos += decode_utf8(piece, pos).length;
      continue;
    }
    if (pos > gap_start) lengths.push_back(pos - gap_start);
    lengths.push_back(end - pos);
    gap_start = pos = end;
  }
  if (piece.size() > gap_start) lengths.push_back(piece.size() - gap_start);
}

}  // namespace

const PreTokenizer* find_pre_tokenizer(std::string_view name) noexcept {
  const auto has_name = [&](const PreTokenizer& pre) {
    return std::find(pre.names.begin(), pre.names.end(), name) != pre.names.end();
  };
  const auto found = std::find_if(kPreTokenizers.begin(), kPreTokenizers.end(), has_name);
  return found == kPreTokenizers.end() ? nullptr : &*found;
}

std::string known_pre_tokenizers() {
  std::string list;
  for (const PreTokenizer& pre : kPreTokenizers) {
    for (const std::string_view name : pre.names) {
      if (!list.empty()) list += ", ";
      list += name;
    }
  }
  return list;
}

void split_text(const PreTokenizer& pre, std::string_view text, std::vector<std::size_t>& lengths) {
  lengths.clear();
  if (text.empty()) return;
  lengths.push_back(text.size());
  std::vector<std::size_t> before;
  for (const MatchPattern match : pre.patterns) {
    std::swap(before, lengths);
    lengths.clear();
    std::size_t pos = 0;
    for (const std::size_t length : before) {
      apply_pattern(match, text.substr(pos, length), lengths);
      pos += length;
    }
  }
}

}  // namespace lathe
