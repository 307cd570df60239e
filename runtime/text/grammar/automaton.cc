#include "runtime/text/grammar/automaton.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"

namespace lathe::grammar {
namespace {

constexpr std::size_t kMostConfigs = 20'000;  // of a state
constexpr std::size_t kManyStates = 40'000;   // when a new automaton is begun
constexpr std::size_t kManySets = 200'000;
constexpr std::size_t kManyConfigs = 1'000'000;

}  // namespace

std::size_t Automaton::Hash::operator()(StateId id) const noexcept {
  std::uint64_t hash = automaton->may_end(id) ? 2 : automaton->leaves(id) ? 1 : 0;
  for (const Config& c : automaton->configs(id)) {
    hash = (hash ^ (std::uint64_t{c.position} << 32 | c.stacks)) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  }
  return static_cast<std::size_t>(hash);
}

bool Automaton::Equal::operator()(StateId a, StateId b) const noexcept {
  return automaton->may_end(a) == automaton->may_end(b) &&
         automaton->leaves(a) == automaton->leaves(b) &&
         std::ranges::equal(automaton->configs(a), automaton->configs(b));
}

Automaton::Automaton(std::shared_ptr<const Program> program)
    : program_(std::move(program)),
      n_classes_(program_->byte_of_class.size()),
      known_(64, Hash{this}, Equal{this}),
      index_(program_->nodes.size(), 0) {
  begin_closure();
  end_closure();  // the dead one, which is the first
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto b = static_cast<std::uint8_t>(byte);
    const bool is_new = plain_classes_.empty() ||
                        program_->class_of[plain_classes_.back()] != program_->class_of[b];
    if (is_plain_byte(b) && is_new) plain_classes_.push_back(b);
  }
}

StateId Automaton::start() {
  begin_closure();
  add(program_->start, sets_.end_of_text());
  return end_closure();
}

StateId Automaton::local_start(Position position) { return only({position, sets_.outside()}); }

// Without what the place may leave or enter before a byte: those are places of their own.
StateId Automaton::only(Config config) {
  begin_closure();
  found_.push_back(config);
  return intern();
}

StateId Automaton::returned(StackSet stacks) {
  begin_closure();
  add_returns(stacks);
  return end_closure();
}

// Goes along while all plain characters lead to the same state.
void Automaton::find_plain_run(StateId state) {
  PlainRun run;
  for (StateId at = state; run.n < kLongestRun; ++run.n) {
    std::uint32_t reach = 0;
    const StateId to = after_plain_char(at, reach);
    if (to == kDead) break;
    run.reach = std::max(run.reach, reach);
    if (to == at) {
      run.n = kLongestRun;
      break;
    }
    at = to;
  }
  plain_runs_.resize(states_.size(), {kUnknown, 0});
  plain_runs_[state] = run;
}

// The state that any plain character leads to; kDead where they do not all lead to one.
StateId Automaton::after_plain_char(StateId state, std::uint32_t& reach) {
  const StateId to = next(state, plain_classes_.front());
  for (const std::uint8_t byte : plain_classes_) {
    if (next(state, byte) != to) return kDead;
  }
  reach = std::max(reach, this->reach(to));
  return to != kDead && all_lead_to(to, state, InChar::kNone, reach) ? to : kDead;
}

// Whether that holds for all characters of more than one byte, from the middle of one on.
bool Automaton::all_lead_to(StateId to, StateId state, InChar at, std::uint32_t& reach) {
  for (const Utf8Step& step : utf8_steps(at)) {
    const std::size_t last_class = program_->class_of[step.last];
    StateId before = kUnknown;
    for (std::size_t c = program_->class_of[step.first]; c <= last_class; ++c) {
      const StateId after = next(state, std::max(step.first, program_->byte_of_class[c]));
      if (after == before) continue;
      before = after;
      reach = std::max(reach, this->reach(after));
      if (step.to == InChar::kNone ? after != to : !all_lead_to(to, after, step.to, reach)) {
        return false;
      }
    }
  }
  return true;
}

StateId Automaton::make_next(StateId state, std::uint8_t byte_class) {
  const std::uint8_t byte = program_->byte_of_class[byte_class];
  begin_closure();
  for (std::size_t i = 0; i < states_[state].size; ++i) {
    const Config config = configs_[states_[state].begin + i];
    for (const ByteEdge& edge : program_->nodes[config.position].edges) {
      if (edge.first > byte) break;  // they are sorted
      if (byte <= edge.last && has_room(edge.to, config.stacks)) add(edge.to, config.stacks);
    }
  }
  const StateId next = end_closure();
  next_[state * n_classes_ + byte_class] = next;
  return next;
}

void Automaton::begin_closure() {
  found_.clear();
  open_.clear();
  may_end_ = leaves_ = false;
  reach_ = 0;
}

// A place that was found before gets the stacks of both ways, and is gone on from again if that are
// more than it had.
void Automaton::add(Position position, StackSet stacks) {
  std::uint32_t& at = index_[position];
  if (at < found_.size() && found_[at].position == position) {
    const StackSet both = sets_.unite(found_[at].stacks, stacks);
    if (both == found_[at].stacks) return;
    found_[at].stacks = both;
  } else {
    if (found_.size() == kMostConfigs) {
      throw bad_input(program_->where,
                      fmt::format("the grammar may be in more than {} places at once, expected "
                                  "one that is less ambiguous",
                                  kMostConfigs));
    }
    at = static_cast<std::uint32_t>(found_.size());
    found_.push_back({position, stacks});
  }
  open_.push_back(at);
}

void Automaton::add_returns(StackSet stacks) {
  // By index: what is added moves the frames.
  for (std::size_t i = 0; i < sets_.frames(stacks).size(); ++i) {
    const Frame frame = sets_.frames(stacks)[i];
    if (frame.back == kEndOfText)
      may_end_ = true;
    else if (frame.back == kOutside)
      leaves_ = true;
    else
      add(frame.back, frame.below);
  }
}

// Whether the rule can still come to its end within the depth. Where it holds for a place it holds
// for some way on from it, so texts never get stuck in the depth.
bool Automaton::has_room(Position position, StackSet stacks) {
  const std::uint32_t depth = sets_.depth(stacks) + program_->nodes[position].need;
  reach_ = std::max(reach_, depth);
  return depth <= kMostDepth;
}

StateId Automaton::end_closure() {
  while (!open_.empty()) {
    const Config config = found_[open_.back()];
    open_.pop_back();
    const Node& node = program_->nodes[config.position];
    if (node.is_end) add_returns(config.stacks);
    for (const Call& call : node.calls) {
      if (!call.is_last && !has_room(call.back, config.stacks)) continue;
      const StackSet inside = call.is_last ? config.stacks : sets_.push(call.back, config.stacks);
      if (has_room(call.start, inside)) add(call.start, inside);
    }
  }
  std::erase_if(found_, [&](const Config& c) { return program_->nodes[c.position].edges.empty(); });
  std::sort(found_.begin(), found_.end());
  return intern();
}

StateId Automaton::intern() {
  const std::size_t begin = configs_.size();
  configs_.insert(configs_.end(), found_.begin(), found_.end());
  states_.push_back({begin, static_cast<std::uint32_t>(found_.size()), may_end_, leaves_, reach_});
  const auto [it, is_new] = known_.insert(static_cast<StateId>(states_.size() - 1));
  if (is_new) {
    next_.resize(next_.size() + n_classes_, kUnknown);
  } else {
    states_.pop_back();
    configs_.resize(begin);
    states_[*it].reach = std::max(states_[*it].reach, reach_);
  }
  return *it;
}

bool Automaton::is_full() const noexcept {
  return states_.size() > kManyStates || sets_.size() > kManySets || configs_.size() > kManyConfigs;
}

StateId Automaton::copy(const Automaton& other, StateId state) {
  begin_closure();
  may_end_ = other.may_end(state);
  leaves_ = other.leaves(state);
  for (const Config& c : other.configs(state)) {
    found_.push_back({c.position, sets_.copy(other.sets_, c.stacks)});
  }
  return intern();
}

}  // namespace lathe::grammar
