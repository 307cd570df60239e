// A grammar as an automaton with a stack that reads bytes of UTF-8.
//
// A node is a place in a rule: bytes lead on from it, or another rule is entered and comes back to
// a node, or the rule is at its end. There are no empty moves. A rule's node is never without a way
// to its end.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/text/grammar/syntax.h"

namespace lathe::grammar {

using Position = std::uint32_t;  // index of a node

// Rules that may be open at once: deeper ones are not entered, so a text must close what it has
// opened. Calls at the end of a rule (lists written by recursion) do not count.
inline constexpr std::uint32_t kMostDepth = 1000;

struct ByteEdge {
  std::uint8_t first, last;
  Position to;

  auto operator<=>(const ByteEdge&) const = default;
};

struct Call {
  Position start;        // of the rule
  Position back;         // where it comes back to
  bool is_last = false;  // nothing follows there: the caller needs no return

  auto operator<=>(const Call&) const = default;
};

struct Node {
  std::vector<ByteEdge> edges{};
  std::vector<Call> calls{};
  bool is_end = false;     // of its rule
  std::uint32_t need = 0;  // least depth of calls with which its end is reached from here
};

struct Program {
  std::string where;  // what messages call the grammar
  std::vector<Node> nodes;
  Position start = 0;
  std::array<std::uint8_t, 256> class_of{};  // bytes that no edge tells apart have the same class
  std::vector<std::uint8_t> byte_of_class;   // one of each
};

// Of a checked grammar. Error (kBadInput) for one that is too large when its repetitions are
// written out, or whose shortest text needs more depth than kMostDepth.
std::shared_ptr<const Program> compile(const Syntax& syntax);

}  // namespace lathe::grammar
