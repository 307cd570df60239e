// What came of an explicit rule: so that a rule that did nothing, or less than it says, is seen.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace lathe {

struct RuleReport {
  std::string rule;            // as it was given: "--tensor-type attn_v=q6_k", "--pure"
  std::size_t n_decided = 0;   // tensors that are as they are because of it
  std::size_t n_kept = 0;      // matched, but norms, biases and the like: never changed
  std::size_t n_pruned = 0;    // matched, but in layers that are left out
  std::size_t n_fallback = 0;  // of n_decided: rows that do not fit its type
  std::map<std::string, std::size_t> lost_to;  // matched, but decided by this rule; how often
  std::vector<int> layers;      // where it decided: original layer numbers, ascending
  std::vector<int> new_layers;  // the same in the new file; empty where nothing is pruned

  // It matched nothing, or everything it matched was decided elsewhere: worth a warning.
  bool without_effect() const noexcept { return n_decided == 0; }
  // One line: "--tensor-type attn_v=q6_k: 8 tensors, layers 0-7".
  std::string text() const;
};

}  // namespace lathe
