// What a template may take. Templates are programs inside of untrusted files: each of these bounds
// ends in an Error, and together they keep the worst template below a second.
#pragma once

#include <cstddef>
#include <stdexcept>

namespace lathe::jinja {

struct Limits {
  std::size_t source_bytes = std::size_t{1} << 20;
  std::size_t steps = 4'000'000;  // expressions, items walked through, 16 bytes of text made
  std::size_t memory_bytes = std::size_t{256} << 20;  // all that one rendering ever makes
  std::size_t output_bytes = std::size_t{32} << 20;
  int depth = 400;  // of nested expressions, blocks and calls of macros
};

inline constexpr int kMaxDepthOfData = 100;  // lists in lists, as far as one looks into them

// What is wrong, without the place: the parser and the evaluator know that, and make an Error of
// it.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace lathe::jinja
