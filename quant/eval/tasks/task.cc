#include "quant/eval/tasks/task.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/error.h"

namespace lathe {
namespace {

bool is_blank(std::string_view text) noexcept {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

void check_choices(const std::vector<TaskChoice>& choices, const std::string& where) {
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (is_blank(choices[i].text)) {
      throw bad_input(where, fmt::format("answer {} is empty", i + 1));
    }
  }
  if (choices.size() > kMaxChoices) {
    throw bad_input(
        where, fmt::format("{} answers, at most {} are accepted", choices.size(), kMaxChoices));
  }
  if (std::none_of(choices.begin(), choices.end(), [](const TaskChoice& c) { return c.correct; })) {
    throw bad_input(where, "no answer is marked as correct");
  }
}

}  // namespace

std::string_view task_name(TaskKind kind) noexcept {
  switch (kind) {
    case TaskKind::kHellaSwag:
      return "hellaswag";
    case TaskKind::kWinoGrande:
      return "winogrande";
    case TaskKind::kArc:
      return "arc";
    case TaskKind::kMmlu:
      return "mmlu";
    case TaskKind::kTruthfulQa:
      return "truthfulqa";
    case TaskKind::kMultipleChoice:
      break;
  }
  return "multiple-choice";
}

std::string_view task_title(TaskKind kind) noexcept {
  switch (kind) {
    case TaskKind::kHellaSwag:
      return "HellaSwag";
    case TaskKind::kWinoGrande:
      return "WinoGrande";
    case TaskKind::kArc:
      return "ARC";
    case TaskKind::kMmlu:
      return "MMLU";
    case TaskKind::kTruthfulQa:
      return "TruthfulQA";
    case TaskKind::kMultipleChoice:
      break;
  }
  return "Multiple choice";
}

void check_task(const Task& task) {
  // A sentence may begin or end with its gap, but there must be one.
  if (is_blank(task.question) && is_blank(task.after_gap)) {
    throw bad_input(task.where, "the question is empty");
  }
  if (task.choices.size() < 2) {
    throw bad_input(task.where,
                    fmt::format("expected 2 or more answers, found {}", task.choices.size()));
  }
  check_choices(task.choices, task.where);
  if (!task.mc2.empty()) check_choices(task.mc2, task.where + ", mc2");
}

}  // namespace lathe
