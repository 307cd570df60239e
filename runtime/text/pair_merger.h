// Greedy merging of adjacent symbols, best pair first: the loop that SentencePiece's BPE and
// byte-level BPE have in common. They differ only in what a pair is worth.
//
// Symbols are a doubly linked list; candidate pairs are in a priority queue ordered by priority,
// then by position. A queued pair is stale once either side has been merged; it is then skipped.
// O(n log n) for n symbols. Scratch that is reused between calls, one object per thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace lathe {

class PairMerger {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  struct Symbol {
    std::uint32_t begin, length;  // bytes of the text; length 0: merged into its left neighbour
    std::int32_t id;
    std::uint32_t prev, next;  // kNone at the ends
  };

  // What merging two neighbours gives; id -1: they do not merge. Lower priorities go first.
  struct Merge {
    std::uint32_t priority;
    std::int32_t id;
  };

  void clear() noexcept { symbols_.clear(); }

  // Appends a symbol of the next `length` (above 0) bytes.
  void add(std::uint32_t length, std::int32_t id) {
    const auto i = static_cast<std::uint32_t>(symbols_.size());
    std::uint32_t begin = 0;
    if (i > 0) {
      begin = symbols_.back().begin + symbols_.back().length;
      symbols_.back().next = i;
    }
    symbols_.push_back({begin, length, id, i > 0 ? i - 1 : kNone, kNone});
  }

  // Merges until no pair is left. lookup(const Symbol& left, const Symbol& right) -> Merge.
  template <typename Lookup>
  void run(const Lookup& lookup) {
    queue_.clear();
    for (std::uint32_t i = 0; i + 1 < symbols_.size(); ++i) push(i, i + 1, lookup);
    while (!queue_.empty()) {
      std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
      const Candidate best = queue_.back();
      queue_.pop_back();
      if (is_stale(best)) continue;
      const std::uint32_t left = join(best);
      if (symbols_[left].prev != kNone) push(symbols_[left].prev, left, lookup);
      if (symbols_[left].next != kNone) push(left, symbols_[left].next, lookup);
    }
  }

  // Calls visit(const Symbol&) for the symbols that are left, in order.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (std::uint32_t i = symbols_.empty() ? kNone : 0; i != kNone; i = symbols_[i].next) {
      visit(symbols_[i]);
    }
  }

 private:
  struct Candidate {
    std::uint64_t order;  // priority, then index of the left symbol
    std::uint32_t right;
    std::uint32_t length;  // of both together when they were queued
    std::int32_t id;

    std::uint32_t left() const noexcept { return static_cast<std::uint32_t>(order); }
    bool operator>(const Candidate& other) const noexcept { return order > other.order; }
  };

  template <typename Lookup>
  void push(std::uint32_t left, std::uint32_t right, const Lookup& lookup) {
    const Merge merge = lookup(symbols_[left], symbols_[right]);
    if (merge.id < 0) return;
    queue_.push_back({std::uint64_t{merge.priority} << 32 | left, right,
                      symbols_[left].length + symbols_[right].length, merge.id});
    std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
  }

  bool is_stale(const Candidate& c) const noexcept {
    const Symbol& left = symbols_[c.left()];
    const Symbol& right = symbols_[c.right];
    return left.length == 0 || right.length == 0 || left.length + right.length != c.length;
  }

  std::uint32_t join(const Candidate& c) noexcept {
    Symbol& left = symbols_[c.left()];
    Symbol& right = symbols_[c.right];
    left.length = c.length;
    left.id = c.id;
    left.next = right.next;
    right.length = 0;
    if (right.next != kNone) symbols_[right.next].prev = c.left();
    return c.left();
  }

  std::vector<Symbol> symbols_;
  std::vector<Candidate> queue_;
};

}  // namespace lathe
