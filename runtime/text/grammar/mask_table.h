// Masks of the tokens that may come next, and what of them holds at a place of the grammar whatever
// is around it.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "runtime/text/grammar/automaton.h"
#include "runtime/text/grammar/token_trie.h"
#include "runtime/text/token_mask.h"

namespace lathe::grammar {

using SharedMask = std::shared_ptr<const TokenMask>;

// The states of texts, and the masks of some of them.
struct TextStates {
  explicit TextStates(std::shared_ptr<const Program> program) : automaton(std::move(program)) {}

  Automaton automaton;
  std::unordered_map<StateId, SharedMask> masks;
};

class MaskTable {
 public:
  MaskTable(std::shared_ptr<const Program> program, const Tokenizer& tokenizer);

  const Program& program() const noexcept { return *program_; }

  // For texts that begin now: the same for all, until they are full.
  std::shared_ptr<TextStates> states();

  SharedMask mask(TextStates& states, StateId state);

  // After the bytes of the token; kDead where it is not allowed.
  StateId after(TextStates& states, StateId state, Token token) const;
  bool is_end_token(Token token) const noexcept;

 private:
  // What is known of a place alone.
  struct Local {
    std::vector<Token> few;           // allowed without a look around
    std::unique_ptr<TokenMask> many;  // the same, where they are more
    // Nodes of the tree where the place's rule may be left, with something below them.
    std::vector<std::uint32_t> exits;
    std::uint32_t reach = 0;  // Automaton::reach of all of it

    std::size_t n_bytes() const noexcept;
  };

  const Local& local(Position position);
  std::unique_ptr<Local> find_local(Position position);
  void add_local(Automaton& automaton, Config config, TokenMask& mask);
  void add_below(Automaton& automaton, std::size_t node, StateId state, TokenMask& mask);
  template <typename Visit, typename VisitAll>
  void walk(Automaton& automaton, std::size_t node, StateId state, const Visit& visit,
            const VisitAll& visit_all);

  std::shared_ptr<const Program> program_;
  TokenTrie trie_;
  std::shared_ptr<TextStates> states_;
  std::unique_ptr<Automaton> local_automaton_;
  std::unordered_map<Position, std::unique_ptr<Local>> locals_;
  std::size_t local_bytes_ = 0;
  std::vector<Token> found_;   // of find_local
  std::vector<StateId> path_;  // of a walk: the state at each depth
};

}  // namespace lathe::grammar
