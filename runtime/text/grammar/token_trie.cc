#include "runtime/text/grammar/token_trie.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "runtime/text/grammar/automaton.h"
#include "runtime/text/grammar/utf8_steps.h"
#include "runtime/text/tokenizer.h"

namespace lathe::grammar {
namespace {

using Depth = decltype(TokenTrie::Node::depth);

bool prints_text(TokenType type) {
  return type == TokenType::kNormal || type == TokenType::kUserDefined || type == TokenType::kByte;
}

// Of a text of plain characters; nothing where the byte cannot come there.
std::optional<InChar> after_byte(InChar at, std::uint8_t byte) {
  if (at == InChar::kNone && is_plain_byte(byte)) return InChar::kNone;
  for (const Utf8Step& step : utf8_steps(at)) {
    if (step.first <= byte && byte <= step.last) return step.to;
  }
  return std::nullopt;
}

}  // namespace

TokenTrie::TokenTrie(const Tokenizer& tokenizer) : n_vocab_(tokenizer.n_vocab()) {
  read_texts(tokenizer);
  add_nodes();
  find_plain_heights();
}

void TokenTrie::read_texts(const Tokenizer& tokenizer) {
  begin_of_.push_back(0);
  for (Token t = 0; t < static_cast<Token>(n_vocab_); ++t) {
    if (tokenizer.is_end_of_generation(t)) {
      end_tokens_.push_back(t);
    } else if (prints_text(tokenizer.type(t))) {
      tokenizer.append_piece(t, false, bytes_);
      const bool fits = bytes_.size() - begin_of_.back() <= std::numeric_limits<Depth>::max();
      if (!fits) bytes_.resize(begin_of_.back());
    }
    begin_of_.push_back(bytes_.size());
  }
}

void TokenTrie::add_nodes() {
  std::vector<Token> by_text;
  for (Token t = 0; t < static_cast<Token>(n_vocab_); ++t) {
    if (!text(t).empty()) by_text.push_back(t);
  }
  const auto text_before = [&](Token a, Token b) { return text(a) < text(b); };
  std::stable_sort(by_text.begin(), by_text.end(), text_before);
  std::vector<std::size_t> path = {0};  // nodes from the root to the last one
  std::string_view last;
  const auto close = [&](std::size_t depth) {
    for (; path.size() > depth + 1; path.pop_back()) {
      nodes_[path.back()].end = static_cast<std::uint32_t>(nodes_.size());
    }
  };
  nodes_.push_back({.end = 0, .tokens = 0, .depth = 0, .byte = 0});
  for (const Token token : by_text) {
    const std::string_view text = this->text(token);
    const auto common = std::mismatch(text.begin(), text.end(), last.begin(), last.end()).first;
    close(static_cast<std::size_t>(common - text.begin()));
    while (path.size() <= text.size()) {
      const std::size_t depth = path.size();
      path.push_back(nodes_.size());
      nodes_.push_back({.end = 0,
                        .tokens = static_cast<std::uint32_t>(tokens_.size()),
                        .depth = static_cast<Depth>(depth),
                        .byte = static_cast<std::uint8_t>(text[depth - 1])});
    }
    tokens_.push_back(token);
    deepest_ = std::max(deepest_, text.size());
    last = text;
  }
  close(0);
  nodes_[0].end = static_cast<std::uint32_t>(nodes_.size());
  const auto n_tokens = static_cast<std::uint32_t>(tokens_.size());
  nodes_.push_back({.end = nodes_[0].end, .tokens = n_tokens, .depth = 0, .byte = 0});
}

// From the last node to the first: children come after their parents. Of each node by where in a
// character the text stands there; what is kept is the height between two characters.
void TokenTrie::find_plain_heights() {
  std::vector<std::array<std::uint16_t, kInCharCount>> heights(size());
  for (std::size_t i = size(); i-- > 0;) {
    heights[i].fill(0);
    for (std::size_t child = i + 1; child < nodes_[i].end; child = nodes_[child].end) {
      for (std::size_t at = 0; at < kInCharCount; ++at) {
        const std::optional<InChar> to = after_byte(static_cast<InChar>(at), nodes_[child].byte);
        std::uint16_t below = to ? heights[child][static_cast<std::size_t>(*to)] : kNotPlain;
        if (below != kNotPlain && at == 0) ++below;
        heights[i][at] = std::max(heights[i][at], below);
      }
    }
    nodes_[i].plain_height = heights[i][0];
  }
}

}  // namespace lathe::grammar
