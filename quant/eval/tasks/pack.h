// Answers of many tasks packed into few texts.
//
// The answers of a text form a trie of tokens: what several begin with is one item that belongs to
// all of them (runtime/batch.h), so a question is computed once for all of its answers, and BOS
// once for all tasks. Logits are wanted where a token follows that is scored, once for all that
// follow; the last token of an answer is not run at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "quant/eval/tasks/task_tokens.h"
#include "runtime/batch.h"

namespace lathe {

// An answer of a packed text.
struct PackedAnswer {
  std::size_t task, answer;  // indices of the caller's list
  // For tokens [first_needed, end): where their ln p stands among the text's values.
  std::vector<std::uint32_t> values;
  // The first scored token at the peer's wrong row; kNoValue: as the others.
  static constexpr std::uint32_t kNoValue = UINT32_MAX;
  std::uint32_t first_scored = kNoValue;
};

struct PackedText {
  std::vector<BatchItem> items;
  std::vector<PackedAnswer> answers;
  // Values of the r-th item that wants logits: ln p of targets[v] for v in [first_value[r],
  // first_value[r + 1]).
  std::vector<std::uint32_t> first_value;
  std::vector<Token> targets;

  std::size_t n_rows() const noexcept { return first_value.size() - 1; }
};

// Items that a task takes in a text of its own.
std::size_t packed_items(const TaskTokens& task);

// The cells that the texts need at least: no text can be shorter than its longest answer (for
// WinoGrande in compat: its longest task).
std::size_t min_cells(std::span<const TaskTokens> tasks);

// Texts of at most n_cells items and kMaxSequences answers, tasks in order. A task whose answers do
// not fit in one text is split over several. Error (kUsage) when n_cells < min_cells(tasks).
std::vector<PackedText> pack_tasks(std::span<const TaskTokens> tasks, std::size_t n_cells);

}  // namespace lathe
