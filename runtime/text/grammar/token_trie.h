// The texts of a vocabulary as a prefix tree, so that tokens which begin alike are looked at
// together: the tree is one list in the order of a walk, and a part of it that cannot be is skipped
// in one step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/token.h"

namespace lathe {
class Tokenizer;
}

namespace lathe::grammar {

class TokenTrie {
 public:
  struct Node {
    std::uint32_t end;     // of what is below it: where the walk goes on without that
    std::uint32_t tokens;  // where its tokens begin in the list of all
    std::uint16_t depth;   // bytes from the root on
    // Most characters below it, where all of them are plain (runtime/text/grammar/automaton.h); the
    // last one of a token may be unfinished.
    std::uint16_t plain_height = kNotPlain;
    std::uint8_t byte;  // that leads to it
  };
  static constexpr std::uint16_t kNotPlain = UINT16_MAX;

  // Of the tokens that print text: neither control tokens nor those that end a text.
  explicit TokenTrie(const Tokenizer& tokenizer);

  std::size_t n_vocab() const noexcept { return n_vocab_; }
  const std::vector<Token>& end_tokens() const noexcept { return end_tokens_; }

  // Node 0 is the root; children come right after their parent, by their bytes.
  std::size_t size() const noexcept { return nodes_.size() - 1; }
  const Node& node(std::size_t i) const noexcept { return nodes_[i]; }
  std::span<const Token> tokens(std::size_t i) const noexcept {
    return {tokens_.data() + nodes_[i].tokens, tokens_.data() + nodes_[i + 1].tokens};
  }
  // Of the node and of all that is below it.
  std::span<const Token> all_tokens(std::size_t i) const noexcept {
    return {tokens_.data() + nodes_[i].tokens, tokens_.data() + nodes_[nodes_[i].end].tokens};
  }
  std::size_t deepest() const noexcept { return deepest_; }
  // The bytes of a token of the vocabulary; none for one that is not in the tree.
  std::string_view text(Token token) const noexcept {
    const auto at = static_cast<std::size_t>(token);
    return std::string_view(bytes_).substr(begin_of_[at], begin_of_[at + 1] - begin_of_[at]);
  }

 private:
  void read_texts(const Tokenizer& tokenizer);
  void add_nodes();
  void find_plain_heights();

  std::size_t n_vocab_;
  std::vector<Token> end_tokens_;
  std::string bytes_;                  // of all tokens, by id
  std::vector<std::size_t> begin_of_;  // in bytes_; one more than there are tokens
  std::vector<Node> nodes_;            // and one behind the last
  std::vector<Token> tokens_;
  std::size_t deepest_ = 0;
};

}  // namespace lathe::grammar
