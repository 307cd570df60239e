// Sets of stacks of returns, each stored once.
//
// A set is a list of its top returns, each with the set of what may lie below it: so what stacks
// have in common is shared (a graph-structured stack, Tomita 1985), equal sets have equal ids,
// and a grammar that could be in a million stacks at once is in one small set. Sets never change.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runtime/text/grammar/program.h"

namespace lathe::grammar {

using StackSet = std::uint32_t;

struct Frame {
  Position back;
  StackSet below;

  auto operator<=>(const Frame&) const = default;
};

// Bottoms of stacks, in the place of a return.
inline constexpr Position kEndOfText = UINT32_MAX;    // the text may end
inline constexpr Position kOutside = UINT32_MAX - 1;  // what is below is looked at later

class StackSets {
 public:
  StackSets();
  StackSets(const StackSets&) = delete;
  StackSets& operator=(const StackSets&) = delete;

  StackSet end_of_text() const noexcept { return end_of_text_; }
  StackSet outside() const noexcept { return outside_; }

  StackSet push(Position back, StackSet below);
  StackSet unite(StackSet a, StackSet b);
  // Of a set of another object.
  StackSet copy(const StackSets& other, StackSet set);

  std::span<const Frame> frames(StackSet set) const noexcept {
    return {frames_.data() + sets_[set].begin, sets_[set].size};
  }
  std::uint32_t depth(StackSet set) const noexcept { return sets_[set].depth; }  // of the deepest
  std::size_t size() const noexcept { return sets_.size(); }

 private:
  struct Set {
    std::size_t begin;
    std::uint32_t size, depth;
  };

  // The last frames_, from `begin` on, as a set.
  StackSet intern(std::size_t begin);
  StackSet copy(const StackSets& other, StackSet set,
                std::unordered_map<StackSet, StackSet>& copies);

  struct Hash {
    const StackSets* sets;
    std::size_t operator()(StackSet set) const noexcept;
  };
  struct Equal {
    const StackSets* sets;
    bool operator()(StackSet a, StackSet b) const noexcept;
  };

  std::vector<Frame> frames_;  // of all sets, one after another, by back
  std::vector<Set> sets_;
  std::unordered_set<StackSet, Hash, Equal> known_;
  std::unordered_map<std::uint64_t, StackSet> unions_;
  StackSet end_of_text_, outside_;
};

}  // namespace lathe::grammar
