#include "runtime/speculation/ngram_index.h"

#include <algorithm>

namespace lathe {

NgramIndex::NgramIndex(std::size_t shortest, std::size_t longest)
    : shortest_(shortest), longest_(longest) {}

// FNV-1a over the tokens (Fowler, Noll, Vo 1991). Different n-grams may share a key: what is found
// is compared.
std::uint64_t NgramIndex::key(std::span<const Token> ngram) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325 + ngram.size();
  for (const Token token : ngram) hash = (hash ^ static_cast<std::uint32_t>(token)) * 0x100000001b3;
  return hash;
}

// The n-grams that end before position `next`, which holds what followed them.
void NgramIndex::add(std::size_t next) {
  const std::span<const Token> before = std::span(text_).first(next);
  for (std::size_t n = shortest_; n <= std::min(longest_, next); ++n) {
    next_[key(before.last(n))] = next;
  }
}

void NgramIndex::read(std::span<const Token> text) {
  const bool goes_on =
      text.size() >= text_.size() && std::equal(text_.begin(), text_.end(), text.begin());
  if (!goes_on) {
    text_.clear();
    next_.clear();
  }
  for (std::size_t i = text_.size(); i < text.size(); ++i) {
    text_.push_back(text[i]);
    add(i);
  }
}

std::size_t NgramIndex::same_before(std::size_t next, std::size_t most) const noexcept {
  std::size_t n = 0;
  while (n < std::min(most, next) && text_[next - 1 - n] == text_[text_.size() - 1 - n]) ++n;
  return n;
}

std::optional<NgramIndex::Match> NgramIndex::find(std::size_t most_length) const {
  for (std::size_t n = std::min(longest_, text_.size()); n >= shortest_; --n) {
    const auto found = next_.find(key(std::span(text_).last(n)));
    if (found == next_.end()) continue;
    const std::size_t length = same_before(found->second, most_length);
    if (length >= n) return Match{found->second, length};
  }
  return std::nullopt;
}

}  // namespace lathe
