#include "runtime/text/grammar/mask_table.h"

#include <algorithm>
#include <span>
#include <utility>

namespace lathe::grammar {
namespace {

// A state of more places than this is walked as a whole: each alone would cost more.
constexpr std::size_t kMostSplit = 8;
constexpr std::size_t kFewNodes = 2;                // walked one by one
constexpr std::size_t kMostMasks = 256;             // kept of a text's states
constexpr std::size_t kMostLocalBytes = 64u << 20;  // kept of all places

}  // namespace

std::size_t MaskTable::Local::n_bytes() const noexcept {
  return sizeof(Local) + few.size() * sizeof(Token) + exits.size() * sizeof(exits[0]) +
         (many ? many->n_vocab() / 8 : 0);
}

MaskTable::MaskTable(std::shared_ptr<const Program> program, const Tokenizer& tokenizer)
    : program_(std::move(program)), trie_(tokenizer), path_(trie_.deepest() + 1) {}

std::shared_ptr<TextStates> MaskTable::states() {
  if (states_ == nullptr || states_->automaton.is_full()) {
    states_ = std::make_shared<TextStates>(program_);
  }
  return states_;
}

bool MaskTable::is_end_token(Token token) const noexcept {
  const std::vector<Token>& ends = trie_.end_tokens();
  return std::binary_search(ends.begin(), ends.end(), token);
}

StateId MaskTable::after(TextStates& states, StateId state, Token token) const {
  if (token < 0 || static_cast<std::size_t>(token) >= trie_.n_vocab()) return kDead;
  const std::string_view text = trie_.text(token);
  if (text.empty()) return kDead;
  for (const char byte : text) {
    state = states.automaton.next(state, static_cast<std::uint8_t>(byte));
    if (state == kDead) break;
  }
  return state;
}

// Calls visit(node, state) for each node below this one that the text may go on to, but
// visit_all(node, state) for one below which everything is allowed.
template <typename Visit, typename VisitAll>
void MaskTable::walk(Automaton& automaton, std::size_t node, StateId state, const Visit& visit,
                     const VisitAll& visit_all) {
  const TokenTrie::Node& top = trie_.node(node);
  path_[top.depth] = state;
  for (std::size_t i = node + 1; i < top.end;) {
    const TokenTrie::Node& at = trie_.node(i);
    const StateId next = automaton.next(path_[at.depth - 1u], at.byte);
    if (next == kDead) {
      i = at.end;
      continue;
    }
    const bool is_plain = at.plain_height < Automaton::kLongestRun && at.end > i + kFewNodes;
    if (is_plain && automaton.plain_run(next).n >= at.plain_height) {
      visit_all(i, next);
      i = at.end;
      continue;
    }
    path_[at.depth] = next;
    visit(i, next);
    ++i;
  }
}

void MaskTable::add_below(Automaton& automaton, std::size_t node, StateId state, TokenMask& mask) {
  const auto add = [&](std::span<const Token> tokens) {
    for (const Token token : tokens) mask.add(token);
  };
  walk(
      automaton, node, state, [&](std::size_t i, StateId) { add(trie_.tokens(i)); },
      [&](std::size_t i, StateId) { add(trie_.all_tokens(i)); });
}

const MaskTable::Local& MaskTable::local(Position position) {
  if (const auto it = locals_.find(position); it != locals_.end()) return *it->second;
  std::unique_ptr<Local> found = find_local(position);
  if (local_bytes_ > kMostLocalBytes) {
    locals_.clear();
    local_bytes_ = 0;
  }
  local_bytes_ += found->n_bytes();
  return *locals_.emplace(position, std::move(found)).first->second;
}

std::unique_ptr<MaskTable::Local> MaskTable::find_local(Position position) {
  if (local_automaton_ == nullptr || local_automaton_->is_full()) {
    local_automaton_ = std::make_unique<Automaton>(program_);
  }
  Automaton& automaton = *local_automaton_;
  auto local = std::make_unique<Local>();
  found_.clear();
  const auto add = [&](std::span<const Token> tokens, std::uint32_t reach) {
    found_.insert(found_.end(), tokens.begin(), tokens.end());
    local->reach = std::max(local->reach, reach);
  };
  walk(
      automaton, 0, automaton.local_start(position),
      [&](std::size_t i, StateId state) {
        add(trie_.tokens(i), automaton.reach(state));
        if (automaton.leaves(state) && trie_.node(i).end > i + 1) {
          local->exits.push_back(static_cast<std::uint32_t>(i));
        }
      },
      [&](std::size_t i, StateId state) {
        add(trie_.all_tokens(i),
            std::max(automaton.reach(state), automaton.plain_run(state).reach));
      });
  // What was cut for its depth was cut on the way to this one.
  local->reach = std::max(local->reach, automaton.reach(kDead));
  if (found_.size() * 8 * sizeof(Token) > trie_.n_vocab()) {
    local->many = std::make_unique<TokenMask>(trie_.n_vocab());
    for (const Token token : found_) local->many->add(token);
  } else {
    local->few = found_;
  }
  return local;
}

void MaskTable::add_local(Automaton& automaton, Config config, TokenMask& mask) {
  const Local& known = local(config.position);
  if (automaton.depth(config.stacks) + known.reach > kMostDepth) {  // not the same down there
    add_below(automaton, 0, automaton.only(config), mask);
    return;
  }
  for (const Token token : known.few) mask.add(token);
  if (known.many) mask.add_all(*known.many);
  if (known.exits.empty()) return;
  const StateId outside = automaton.returned(config.stacks);
  if (automaton.configs(outside).empty()) return;
  for (const std::uint32_t node : known.exits) add_below(automaton, node, outside, mask);
}

SharedMask MaskTable::mask(TextStates& states, StateId state) {
  if (const auto it = states.masks.find(state); it != states.masks.end()) return it->second;
  auto mask = std::make_shared<TokenMask>(trie_.n_vocab());
  Automaton& automaton = states.automaton;
  const auto here = automaton.configs(state);
  if (here.size() > kMostSplit) {
    add_below(automaton, 0, state, *mask);
  } else {
    const std::vector<Config> configs(here.begin(), here.end());  // they move
    for (const Config& config : configs) add_local(automaton, config, *mask);
  }
  if (automaton.may_end(state)) {
    for (const Token token : trie_.end_tokens()) mask->add(token);
  }
  if (states.masks.size() >= kMostMasks) states.masks.clear();
  states.masks.emplace(state, mask);
  return mask;
}

}  // namespace lathe::grammar
