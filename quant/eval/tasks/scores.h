// Scores of answers from the log-probabilities of their tokens, and what they say of a task.
//
// Two definitions side by side (reference/evaluation.md §10 to §12):
//   score     llama.cpp's: the mean of ln p per token from the first in which choices differ.
//   acc, ...  lm-evaluation-harness': acc by the sum of ln p of the continuation, acc_norm by that
//             sum over the characters of the choice; TruthfulQA's mc1 is acc, its mc2 the share of
//             probability that the true answers have of all answers.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "quant/eval/statistics.h"
#include "quant/eval/tasks/task.h"
#include "quant/eval/tasks/task_tokens.h"

namespace lathe {

struct AnswerScore {
  double mean = 0.0;  // over tokens [scored_begin, scored_end)
  double sum = 0.0;   // over tokens [continuation, end)
};

// `ln_p` of the tokens from answer.first_needed() to the end; `first_scored`: used instead for the
// first token of the mean (the peer's defect, TaskTokens::second_from_wrong_row).
AnswerScore score_answer(const AnswerTokens& answer, std::span<const double> ln_p,
                         std::optional<double> first_scored = std::nullopt);

// What is kept of a task: mean and sum of each choice, then the sum of each answer of mc2.
using TaskRecord = std::vector<double>;
std::size_t record_width(std::size_t n_choices, std::size_t n_mc2) noexcept;

struct TaskVerdict {
  std::size_t chosen = 0;  // by the peer's score
  bool correct = false;
  double margin = 0.0;  // of the best score over the second
  bool acc = false, acc_norm = false;
  std::optional<double> mc2;
};

// Of equal scores the first choice wins; WinoGrande: the second (the peer wants the first to be
// strictly greater). By sums the first of equal ones wins. `record`: record_width() numbers.
TaskVerdict judge(TaskKind kind, const Task& task, std::span<const double> record);

// Characters (code points of UTF-8) that acc_norm divides by.
std::size_t count_characters(std::string_view text) noexcept;

// A share of n with its standard error, sqrt(p (1 - p) / (n - 1)).
Estimate share_estimate(double n_hits, std::size_t n) noexcept;

// The 95 % interval of Wilson for a share p of n.
Interval wilson_interval(double p, std::size_t n) noexcept;

}  // namespace lathe
