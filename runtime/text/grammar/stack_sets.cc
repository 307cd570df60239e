#include "runtime/text/grammar/stack_sets.h"

#include <algorithm>
#include <utility>

namespace lathe::grammar {

std::size_t StackSets::Hash::operator()(StackSet set) const noexcept {
  std::uint64_t hash = 0;
  for (const Frame& f : sets->frames(set)) {
    hash = (hash ^ (std::uint64_t{f.back} << 32 | f.below)) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  }
  return static_cast<std::size_t>(hash);
}

bool StackSets::Equal::operator()(StackSet a, StackSet b) const noexcept {
  return std::ranges::equal(sets->frames(a), sets->frames(b));
}

StackSets::StackSets()
    : known_(64, Hash{this}, Equal{this}),
      end_of_text_(push(kEndOfText, 0)),
      outside_(push(kOutside, 0)) {}

StackSet StackSets::intern(std::size_t begin) {
  std::uint32_t depth = 0;
  for (std::size_t i = begin; i < frames_.size(); ++i) {
    const bool is_bottom = frames_[i].back >= kOutside;
    depth = std::max(depth, is_bottom ? 0 : sets_[frames_[i].below].depth + 1);
  }
  sets_.push_back({begin, static_cast<std::uint32_t>(frames_.size() - begin), depth});
  const auto id = static_cast<StackSet>(sets_.size() - 1);
  const auto [it, is_new] = known_.insert(id);
  if (!is_new) {
    sets_.pop_back();
    frames_.resize(begin);
  }
  return *it;
}

StackSet StackSets::push(Position back, StackSet below) {
  const std::size_t begin = frames_.size();
  frames_.push_back({back, below});
  return intern(begin);
}

StackSet StackSets::unite(StackSet a, StackSet b) {
  if (a == b) return a;
  const std::uint64_t key = std::uint64_t{std::min(a, b)} << 32 | std::max(a, b);
  if (const auto it = unions_.find(key); it != unions_.end()) return it->second;
  std::vector<Frame> both;
  std::size_t i = 0, j = 0;
  while (i < sets_[a].size || j < sets_[b].size) {
    // Copies: what is made below moves the frames.
    const Frame end{UINT32_MAX, UINT32_MAX};
    const Frame x = i < sets_[a].size ? frames(a)[i] : end;
    const Frame y = j < sets_[b].size ? frames(b)[j] : end;
    const bool take_x = i < sets_[a].size && (j == sets_[b].size || x.back <= y.back);
    const bool take_y = j < sets_[b].size && (i == sets_[a].size || y.back <= x.back);
    both.push_back(take_x ? x : y);
    if (take_x && take_y) both.back().below = unite(x.below, y.below);
    i += take_x;
    j += take_y;
  }
  const std::size_t begin = frames_.size();
  frames_.insert(frames_.end(), both.begin(), both.end());
  const StackSet set = intern(begin);
  unions_.emplace(key, set);
  return set;
}

StackSet StackSets::copy(const StackSets& other, StackSet set) {
  std::unordered_map<StackSet, StackSet> copies;
  return copy(other, set, copies);
}

StackSet StackSets::copy(const StackSets& other, StackSet set,
                         std::unordered_map<StackSet, StackSet>& copies) {
  if (const auto it = copies.find(set); it != copies.end()) return it->second;
  std::vector<Frame> frames;
  for (Frame frame : other.frames(set)) {
    if (frame.back < kOutside) frame.below = copy(other, frame.below, copies);
    frames.push_back(frame);
  }
  const std::size_t begin = frames_.size();
  frames_.insert(frames_.end(), frames.begin(), frames.end());
  const StackSet made = intern(begin);
  copies.emplace(set, made);
  return made;
}

}  // namespace lathe::grammar
