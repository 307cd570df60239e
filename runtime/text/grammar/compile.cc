// Nodes are made from the end of a rule to its beginning: each expression gets the node that
// follows it and gives the one that it begins at. Empty moves are taken out afterwards.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/text/grammar/program.h"
#include "runtime/text/grammar/utf8_ranges.h"

namespace lathe::grammar {
namespace {

using Kind = Expression::Kind;

constexpr std::size_t kMostNodes = 400'000;
constexpr std::size_t kMostEdges = 4'000'000;
constexpr std::size_t kMostSteps = 4'000'000;   // expressions compiled
constexpr std::size_t kMostMoves = 40'000'000;  // empty moves gone through
constexpr std::size_t kSmall = 32;      // nodes of a rule that is written out where it is used
constexpr std::uint32_t kFewTimes = 8;  // a repetition of more is as a loop
constexpr std::uint32_t kUnknown = UINT32_MAX;

class Compiler {
 public:
  explicit Compiler(const Syntax& syntax)
      : syntax_(syntax),
        start_of_(syntax.rules.size(), kUnknown),
        cost_(syntax.rules.size(), kSmall + 1) {
    find_costs();
  }

  Program run() {
    Program program;
    program.where = syntax_.where;
    const Position start = start_of(syntax_.root);
    while (!pending_.empty()) {
      const std::size_t rule = pending_.back();
      pending_.pop_back();
      const Position end = add_node();
      nodes_[end].is_end = true;
      const Position body = compile(syntax_.rules[rule].body, end);
      jumps_[start_of_[rule]].push_back(body);
    }
    take_out_jumps();
    program.start = keep_reachable(start);
    program.nodes = std::move(nodes_);
    return program;
  }

 private:
  [[noreturn]] void fail_too_large() const {
    throw bad_input(syntax_.where,
                    "the grammar is too large when its repetitions are written out, expected "
                    "smaller numbers of times");
  }

  Position add_node() {
    if (nodes_.size() == kMostNodes) fail_too_large();
    nodes_.emplace_back();
    jumps_.emplace_back();
    return static_cast<Position>(nodes_.size() - 1);
  }

  Position start_of(std::size_t rule) {
    if (start_of_[rule] == kUnknown) {
      start_of_[rule] = add_node();
      pending_.push_back(rule);
    }
    return start_of_[rule];
  }

  // From above: a rule that calls itself stays large, and so does a long chain of rules.
  void find_costs() {
    bool changed = true;
    while (changed) {
      changed = false;
      for (std::size_t i = 0; i < cost_.size(); ++i) {
        const std::size_t cost = cost_of(syntax_.rules[i].body);
        changed |= cost < cost_[i];
        cost_[i] = cost;
      }
    }
  }

  // How many nodes an expression takes, about; more than kSmall for one with a loop. What is small
  // is written out instead of called. Loops stay rules: all places that call them share what is
  // known of their tokens.
  std::size_t cost_of(const Expression& e) const {
    if (e.kind == Kind::kRule) return std::min(cost_[e.rule] + 1, kSmall + 1);
    if (e.kind == Kind::kRepeat && e.most > kFewTimes) return kSmall + 1;
    std::size_t cost = e.kind == Kind::kLiteral ? e.text.size() : 1;
    for (const Expression& part : e.parts) {
      cost = std::min(cost + cost_of(part) * std::max(e.most, 1u), kSmall + 1);
    }
    return cost;
  }

  Position compile(const Expression& e, Position next) {
    if (++n_steps_ > kMostSteps) fail_too_large();
    switch (e.kind) {
      case Kind::kLiteral:
        return literal(e.text, next);
      case Kind::kChars:
        return chars(e.chars, next);
      case Kind::kRule:
        return reference(e.rule, next);
      case Kind::kSequence:
        for (auto part = e.parts.rbegin(); part != e.parts.rend(); ++part) {
          next = compile(*part, next);
        }
        return next;
      case Kind::kChoice:
        return choice(e.parts, next);
      case Kind::kRepeat:
        return repeat(e, next);
    }
    return next;
  }

  Position literal(const std::string& text, Position next) {
    for (auto byte = text.rbegin(); byte != text.rend(); ++byte) {
      const auto value = static_cast<std::uint8_t>(*byte);
      const Position node = add_node();
      nodes_[node].edges.push_back({value, value, next});
      next = node;
    }
    return next;
  }

  // Sequences with the same end share it.
  Position chars(const CharRanges& ranges, Position next) {
    std::map<std::pair<Position, std::pair<int, int>>, Position> ends;
    const Position start = add_node();
    for (const ByteSequence& sequence : byte_sequences(ranges)) {
      Position to = next;
      for (std::size_t i = sequence.length; i-- > 1;) {
        const auto [first, last] = sequence.ranges[i];
        const auto [it, is_new] = ends.try_emplace({to, {first, last}}, kUnknown);
        if (is_new) {
          it->second = add_node();
          nodes_[it->second].edges.push_back({first, last, to});
        }
        to = it->second;
      }
      nodes_[start].edges.push_back({sequence.ranges[0].first, sequence.ranges[0].last, to});
    }
    return start;
  }

  Position reference(std::size_t rule, Position next) {
    if (cost_[rule] <= kSmall) return compile(syntax_.rules[rule].body, next);
    const Position start = start_of(rule);
    const Position node = add_node();
    nodes_[node].calls.push_back({start, next});
    return node;
  }

  Position choice(const std::vector<Expression>& parts, Position next) {
    const Position node = add_node();
    for (const Expression& part : parts) {
      const Position start = compile(part, next);
      jumps_[node].push_back(start);
    }
    return node;
  }

  Position repeat(const Expression& e, Position next) {
    if (e.most == kNoMost) {
      const Position loop = add_node();
      const Position body = compile(e.parts[0], loop);
      jumps_[loop] = {body, next};
      next = loop;
    } else {
      const Position end = next;
      for (std::uint32_t n = e.least; n < e.most; ++n) {
        const Position node = add_node();
        const Position body = compile(e.parts[0], next);
        jumps_[node] = {body, end};
        next = node;
      }
    }
    for (std::uint32_t n = 0; n < e.least; ++n) next = compile(e.parts[0], next);
    return next;
  }

  // Each node gets what the nodes have that it jumps to, over any number of jumps.
  void take_out_jumps() {
    std::vector<Position> seen_from(nodes_.size(), kUnknown), open;
    std::vector<Node> done(nodes_.size());
    std::size_t n_edges = 0, n_moves = 0;
    for (Position start = 0; start < nodes_.size(); ++start) {
      Node& node = done[start];
      open = {start};
      seen_from[start] = start;
      while (!open.empty()) {
        const Position at = open.back();
        open.pop_back();
        if (++n_moves > kMostMoves) fail_too_large();
        const Node& from = nodes_[at];
        node.edges.insert(node.edges.end(), from.edges.begin(), from.edges.end());
        node.calls.insert(node.calls.end(), from.calls.begin(), from.calls.end());
        node.is_end |= from.is_end;
        for (const Position to : jumps_[at]) {
          if (std::exchange(seen_from[to], start) != start) open.push_back(to);
        }
      }
      sort_unique(node.edges);
      sort_unique(node.calls);
      n_edges += node.edges.size() + node.calls.size();
      if (n_edges > kMostEdges) fail_too_large();
    }
    nodes_ = std::move(done);
    for (Node& node : nodes_) {
      for (Call& call : node.calls) {
        const Node& back = nodes_[call.back];
        call.is_last = back.is_end && back.edges.empty() && back.calls.empty();
      }
    }
  }

  template <typename T>
  static void sort_unique(std::vector<T>& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }

  // Drops the nodes that nothing leads to any more; returns where `start` is now.
  Position keep_reachable(Position start) {
    std::vector<Position> new_of(nodes_.size(), kUnknown), order;
    const auto number_of = [&](Position old) {
      if (new_of[old] == kUnknown) {
        new_of[old] = static_cast<Position>(order.size());
        order.push_back(old);
      }
      return new_of[old];
    };
    number_of(start);
    std::vector<Node> kept;
    for (std::size_t i = 0; i < order.size(); ++i) {
      Node node = std::move(nodes_[order[i]]);
      for (ByteEdge& edge : node.edges) edge.to = number_of(edge.to);
      for (Call& call : node.calls) {
        call.start = number_of(call.start);
        call.back = number_of(call.back);
      }
      kept.push_back(std::move(node));
    }
    nodes_ = std::move(kept);
    return 0;
  }

  const Syntax& syntax_;
  std::vector<Position> start_of_;  // of each rule that is called
  std::vector<std::size_t> cost_;
  std::vector<std::size_t> pending_;  // rules that are called and not compiled yet
  std::size_t n_steps_ = 0;
  std::vector<Node> nodes_;
  std::vector<std::vector<Position>> jumps_;  // empty moves
};

// From above, until nothing gets smaller.
void find_needs(Program& program) {
  for (Node& node : program.nodes) node.need = node.is_end ? 0 : kUnknown;
  bool changed = true;
  const auto visit = [&](Node& node) {
    std::uint32_t need = node.need;
    for (const ByteEdge& edge : node.edges) need = std::min(need, program.nodes[edge.to].need);
    for (const Call& call : node.calls) {
      const std::uint32_t inside = program.nodes[call.start].need;
      if (inside == kUnknown) continue;
      need = std::min(need,
                      std::max(inside + (call.is_last ? 0u : 1u), program.nodes[call.back].need));
    }
    changed |= need < node.need;
    node.need = need;
  };
  while (changed) {
    changed = false;
    std::for_each(program.nodes.begin(), program.nodes.end(), visit);
    std::for_each(program.nodes.rbegin(), program.nodes.rend(), visit);
  }
  const std::uint32_t need = program.nodes[program.start].need;
  if (need > kMostDepth) {
    throw bad_input(program.where,
                    fmt::format("the shortest text opens {} rules one in another, expected at most "
                                "{}",
                                need, kMostDepth));
  }
}

void find_byte_classes(Program& program) {
  std::array<bool, 257> begins{};
  begins[0] = true;
  for (const Node& node : program.nodes) {
    for (const ByteEdge& edge : node.edges) {
      begins[edge.first] = true;
      begins[edge.last + 1u] = true;
    }
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (begins[byte]) program.byte_of_class.push_back(static_cast<std::uint8_t>(byte));
    program.class_of[byte] = static_cast<std::uint8_t>(program.byte_of_class.size() - 1);
  }
}

}  // namespace

std::shared_ptr<const Program> compile(const Syntax& syntax) {
  auto program = std::make_shared<Program>(Compiler(syntax).run());
  find_needs(*program);
  find_byte_classes(*program);
  return program;
}

}  // namespace lathe::grammar
