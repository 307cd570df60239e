// Multiple-choice tasks: one type for every test, whatever file it came from.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

enum class TaskKind { kHellaSwag, kWinoGrande, kArc, kMmlu, kTruthfulQa, kMultipleChoice };

struct TaskChoice {
  std::string text;
  bool correct = false;

  bool operator==(const TaskChoice&) const = default;
};

struct Task {
  // What is completed. WinoGrande: the sentence before the gap.
  std::string question;
  // At least 2, of which at least one is correct.
  std::vector<TaskChoice> choices;
  // TruthfulQA: all true and false answers (mc2); empty elsewhere.
  std::vector<TaskChoice> mc2;
  // WinoGrande: the sentence after the gap.
  std::string after_gap;
  // What it belongs to: "ARC-Easy", a subject of MMLU; may be empty.
  std::string group;
  // Where it stood: "FILE, line 7".
  std::string where;
};

// Most answers that a file may give a task.
inline constexpr std::size_t kMaxChoices = 100;

std::string_view task_name(TaskKind kind) noexcept;   // "hellaswag", as commands call it
std::string_view task_title(TaskKind kind) noexcept;  // "HellaSwag", as papers call it

// Error (kBadInput) naming task.where: an empty question or answer, fewer than 2 answers or more
// than kMaxChoices, no correct one. Every reader ends with it.
void check_task(const Task& task);

}  // namespace lathe
