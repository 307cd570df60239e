#include "runtime/text/special_split.h"

#include <string.h>  // memmem

#include <algorithm>
#include <cstdint>

#include "runtime/text/vocabulary.h"

namespace lathe {
namespace {

bool is_candidate(TokenType type) {
  return type == TokenType::kControl || type == TokenType::kUserDefined ||
         type == TokenType::kUnknown;
}

// Cuts one raw fragment at every occurrence of `needle`.
void cut(std::string_view raw, std::string_view needle, Token token, std::vector<Fragment>& out) {
  while (!raw.empty()) {
    const void* found = memmem(raw.data(), raw.size(), needle.data(), needle.size());
    if (found == nullptr) break;
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - raw.data());
    if (at > 0) out.push_back({raw.substr(0, at), kNoToken});
    out.push_back({raw.substr(at, needle.size()), token});
    raw.remove_prefix(at + needle.size());
  }
  if (!raw.empty()) out.push_back({raw, kNoToken});
}

}  // namespace

SpecialSplitter::SpecialSplitter(const Vocabulary& vocabulary) {
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const auto token = static_cast<Token>(i);
    const TokenType type = vocabulary.type(token);
    if (!is_candidate(type)) continue;
    candidates_.push_back({vocabulary.text(token), token, type == TokenType::kUserDefined});
  }
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.text < b.text; });
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    Range& range = by_first_byte_[static_cast<std::uint8_t>(candidates_[i].text[0])];
    if (range.end == 0) range.begin = i;
    range.end = i + 1;
    longest_first_.push_back(i);
  }
  std::stable_sort(longest_first_.begin(), longest_first_.end(), [&](std::size_t a, std::size_t b) {
    return candidates_[a].text.size() > candidates_[b].text.size();
  });
}

// Marks each candidate that `text` starts with: the range of candidates that agree so far narrows
// byte by byte.
void SpecialSplitter::mark_matches_at(std::string_view text, std::vector<bool>& present) const {
  Range range = by_first_byte_[static_cast<std::uint8_t>(text[0])];
  for (std::size_t depth = 1; range.begin < range.end; ++depth) {
    if (candidates_[range.begin].text.size() == depth) present[range.begin++] = true;
    if (depth == text.size()) return;
    const auto less = [&](const Candidate& c, char byte) {
      return static_cast<std::uint8_t>(c.text[depth]) < static_cast<std::uint8_t>(byte);
    };
    const auto greater = [&](char byte, const Candidate& c) {
      return static_cast<std::uint8_t>(byte) < static_cast<std::uint8_t>(c.text[depth]);
    };
    const auto at = [&](std::size_t i) {
      return candidates_.begin() + static_cast<std::ptrdiff_t>(i);
    };
    const auto first = std::lower_bound(at(range.begin), at(range.end), text[depth], less);
    const auto last = std::upper_bound(first, at(range.end), text[depth], greater);
    range = {static_cast<std::size_t>(first - candidates_.begin()),
             static_cast<std::size_t>(last - candidates_.begin())};
  }
}

// One pass that finds which candidates occur at all: usually none or a few of a thousand.
std::vector<bool> SpecialSplitter::present_in(std::string_view text) const {
  std::vector<bool> present(candidates_.size());
  for (std::size_t pos = 0; pos < text.size(); ++pos) {
    const Range& range = by_first_byte_[static_cast<std::uint8_t>(text[pos])];
    if (range.end != 0) mark_matches_at(text.substr(pos), present);
  }
  return present;
}

std::vector<Fragment> SpecialSplitter::split(std::string_view text, bool parse_special) const {
  std::vector<Fragment> fragments;
  if (text.empty()) return fragments;
  fragments.push_back({text, kNoToken});
  if (candidates_.empty()) return fragments;

  const std::vector<bool> present = present_in(text);
  std::vector<Fragment> next;
  for (const std::size_t i : longest_first_) {
    const Candidate& candidate = candidates_[i];
    if (!present[i] || !(parse_special || candidate.always)) continue;
    next.clear();
    for (const Fragment& fragment : fragments) {
      if (fragment.token != kNoToken)
        next.push_back(fragment);
      else
        cut(fragment.text, candidate.text, candidate.token, next);
    }
    fragments.swap(next);
  }
  return fragments;
}

}  // namespace lathe
