#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/text/grammar/syntax.h"

namespace lathe::grammar {
namespace {

using Kind = Expression::Kind;

// Whether `holds` is true of an expression, where it is of the rules that `of_rule` says: an
// expression that may be nothing, one that some text matches.
template <typename Leaf>
bool derives(const Expression& e, const std::vector<bool>& of_rule, const Leaf& leaf) {
  const auto part = [&](const Expression& p) { return derives(p, of_rule, leaf); };
  switch (e.kind) {
    case Kind::kLiteral:
    case Kind::kChars:
      return leaf(e);
    case Kind::kRule:
      return of_rule[e.rule];
    case Kind::kSequence:
      return std::all_of(e.parts.begin(), e.parts.end(), part);
    case Kind::kChoice:
      return std::any_of(e.parts.begin(), e.parts.end(), part);
    case Kind::kRepeat:
      return e.least == 0 || part(e.parts[0]);
  }
  return false;
}

// The rules that have the property, from below: until no other one gets it.
template <typename Leaf>
std::vector<bool> deriving_rules(const Syntax& syntax, const Leaf& leaf) {
  std::vector<bool> of_rule(syntax.rules.size(), false);
  bool changed = true;
  const auto visit = [&](std::size_t i) {
    if (of_rule[i] || !derives(syntax.rules[i].body, of_rule, leaf)) return;
    of_rule[i] = changed = true;
  };
  while (changed) {
    changed = false;
    for (std::size_t i = 0; i < of_rule.size(); ++i) visit(i);
    for (std::size_t i = of_rule.size(); i-- > 0;) visit(i);  // rules are often written top down
  }
  return of_rule;
}

std::vector<bool> nullable_rules(const Syntax& syntax) {
  return deriving_rules(
      syntax, [](const Expression& e) { return e.kind == Kind::kLiteral && e.text.empty(); });
}

bool is_nullable(const Expression& e, const std::vector<bool>& nullable) {
  return derives(e, nullable,
                 [](const Expression& x) { return x.kind == Kind::kLiteral && x.text.empty(); });
}

// The rules that may be entered before the expression has read anything.
void add_first_rules(const Expression& e, const std::vector<bool>& nullable,
                     std::vector<std::size_t>& out) {
  if (e.kind == Kind::kRule) out.push_back(e.rule);
  if (e.kind == Kind::kRepeat && e.most == 0) return;
  for (const Expression& part : e.parts) {
    add_first_rules(part, nullable, out);
    if (e.kind == Kind::kSequence && !is_nullable(part, nullable)) return;
  }
}

class LeftRecursion {
 public:
  explicit LeftRecursion(const Syntax& syntax)
      : syntax_(syntax), nullable_(nullable_rules(syntax)) {
    first_.resize(syntax.rules.size());
    for (std::size_t i = 0; i < first_.size(); ++i) {
      add_first_rules(syntax.rules[i].body, nullable_, first_[i]);
    }
  }

  // Depth first, with a list of its own: chains of rules may be long.
  void check() const {
    enum : std::uint8_t { kNew, kOpen, kDone };
    std::vector<std::uint8_t> state(first_.size(), kNew);
    std::vector<std::pair<std::size_t, std::size_t>> path;  // rule, how many of its first are done
    for (std::size_t start = 0; start < first_.size(); ++start) {
      if (state[start] != kNew) continue;
      path.push_back({start, 0});
      state[start] = kOpen;
      while (!path.empty()) {
        auto& [rule, n_done] = path.back();
        if (n_done == first_[rule].size()) {
          state[rule] = kDone;
          path.pop_back();
          continue;
        }
        const std::size_t next = first_[rule][n_done++];
        if (state[next] == kOpen) refuse(path, next);
        if (state[next] != kNew) continue;
        state[next] = kOpen;
        path.push_back({next, 0});
      }
    }
  }

 private:
  [[noreturn]] void refuse(const std::vector<std::pair<std::size_t, std::size_t>>& path,
                           std::size_t rule) const {
    constexpr std::size_t kMostNames = 8;
    auto at =
        std::find_if(path.begin(), path.end(), [&](const auto& p) { return p.first == rule; });
    std::string names;
    for (std::size_t n = 0; at != path.end(); ++at, ++n) {
      if (n < kMostNames) names += syntax_.rules[at->first].name + " -> ";
      if (n == kMostNames) names += "... -> ";
    }
    throw bad_input(syntax_.where,
                    fmt::format("the rule {} begins with itself ({}{}), expected it to read "
                                "something first: write a repetition, or turn the order around",
                                quoted(syntax_.rules[rule].name), names, syntax_.rules[rule].name));
  }

  const Syntax& syntax_;
  std::vector<bool> nullable_;
  std::vector<std::vector<std::size_t>> first_;  // of each rule
};

}  // namespace

void check_syntax(const Syntax& syntax) {
  LeftRecursion(syntax).check();
  const std::vector<bool> ends = deriving_rules(syntax, [](const Expression&) { return true; });
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (ends[i]) continue;
    throw bad_input(syntax.where,
                    fmt::format("the rule {} never comes to an end, expected a way through it "
                                "without itself",
                                quoted(syntax.rules[i].name)));
  }
}

}  // namespace lathe::grammar
