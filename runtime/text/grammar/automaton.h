// The states that a grammar is in while it reads a text, byte by byte, made when they are first
// reached: a state is the set of all places that the text so far may have led to, each with its
// stacks (runtime/text/grammar/stack_sets.h).
//
// Equal states have equal ids, and a way that was gone once is a look-up: the time of a text is
// linear in its length, with a bound on the places of a state. Grows as it is used; not for
// several threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_set>
#include <vector>

#include "runtime/text/grammar/program.h"
#include "runtime/text/grammar/stack_sets.h"
#include "runtime/text/grammar/utf8_steps.h"

namespace lathe::grammar {

using StateId = std::uint32_t;
inline constexpr StateId kDead = 0;  // no text goes on from here

// Plain characters: printable ASCII, without what ends or escapes something in a text between
// quotes, and all that have more than one byte. Most of a vocabulary is made of these alone.
constexpr bool is_plain_byte(std::uint8_t byte) noexcept {
  return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

struct Config {
  Position position;
  StackSet stacks;

  auto operator<=>(const Config&) const = default;
};

class Automaton {
 public:
  explicit Automaton(std::shared_ptr<const Program> program);
  Automaton(const Automaton&) = delete;
  Automaton& operator=(const Automaton&) = delete;

  const Program& program() const noexcept { return *program_; }
  StateId start();

  // Error (kBadInput) for a grammar that is in too many places at once.
  StateId next(StateId state, std::uint8_t byte) {
    const std::size_t at = state * n_classes_ + program_->class_of[byte];
    return next_[at] != kUnknown ? next_[at] : make_next(state, program_->class_of[byte]);
  }

  bool may_end(StateId state) const noexcept { return states_[state].may_end; }
  // Some place has left the stacks of `local_start`.
  bool leaves(StateId state) const noexcept { return states_[state].leaves; }
  // The depth that making the state asked for: with that much more below, it would be the same.
  std::uint32_t reach(StateId state) const noexcept { return states_[state].reach; }
  std::uint32_t depth(StackSet stacks) const noexcept { return sets_.depth(stacks); }
  std::span<const Config> configs(StateId state) const noexcept {
    return {configs_.data() + states_[state].begin, states_[state].size};
  }

  // Any plain characters lead on from here, as many as `n`; the deepest reach() on that way.
  struct PlainRun {
    std::uint32_t n = 0, reach = 0;
  };
  static constexpr std::uint32_t kLongestRun = 64;  // longer ones are not looked for
  PlainRun plain_run(StateId state) {
    if (state >= plain_runs_.size()) plain_runs_.resize(states_.size(), {kUnknown, 0});
    if (plain_runs_[state].n == kUnknown) find_plain_run(state);
    return plain_runs_[state];
  }

  // At one place, with no look at what is below it.
  StateId local_start(Position position);
  // At one place of another state.
  StateId only(Config config);
  // After all stacks of the set have returned.
  StateId returned(StackSet stacks);

  // Whether it should be given up for a new one, which `copy` brings a state into.
  bool is_full() const noexcept;
  StateId copy(const Automaton& other, StateId state);

 private:
  static constexpr StateId kUnknown = UINT32_MAX;

  struct State {
    std::size_t begin;
    std::uint32_t size;
    bool may_end, leaves;
    std::uint32_t reach;
  };
  struct Hash {
    const Automaton* automaton;
    std::size_t operator()(StateId id) const noexcept;
  };
  struct Equal {
    const Automaton* automaton;
    bool operator()(StateId a, StateId b) const noexcept;
  };

  StateId make_next(StateId state, std::uint8_t byte_class);
  void find_plain_run(StateId state);
  StateId after_plain_char(StateId state, std::uint32_t& reach);
  bool all_lead_to(StateId to, StateId state, InChar at, std::uint32_t& reach);
  void begin_closure();
  void add(Position position, StackSet stacks);
  void add_returns(StackSet stacks);
  bool has_room(Position position, StackSet stacks);
  StateId end_closure();
  StateId intern();

  std::shared_ptr<const Program> program_;
  std::size_t n_classes_;
  StackSets sets_;
  std::vector<Config> configs_;  // of all states, one after another, by position
  std::vector<State> states_;
  std::vector<StateId> next_;  // [n_states, n_classes]
  std::unordered_set<StateId, Hash, Equal> known_;
  std::vector<std::uint8_t> plain_classes_;  // a byte of each class with plain ones
  std::vector<PlainRun> plain_runs_;

  // Of the state that is being made.
  std::vector<Config> found_;
  std::vector<std::uint32_t> index_;  // of each node: where it is in found_, if this is it
  std::vector<std::uint32_t> open_;   // of found_, to be gone on from
  bool may_end_ = false, leaves_ = false;
  std::uint32_t reach_ = 0;
};

}  // namespace lathe::grammar
