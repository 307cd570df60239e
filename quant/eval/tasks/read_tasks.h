// Reads the files that tasks come in; which form a file has is told by its content.
//
//   hellaswag        llama.cpp's text (6 lines a task), the public JSON lines
//   winogrande       llama.cpp's CSV (index, sentence, choice 1, choice 2, answer), the public JSON
//                    lines and CSV
//   the others       llama.cpp's binary multiple-choice file; JSON lines of ARC (as released, as on
//                    the hub) and MMLU; MMLU's CSV without a header; TruthfulQA's mc_task.json and
//                    TruthfulQA.csv
//
// Files are untrusted: whatever they hold is tasks that check_task() accepts, or an Error
// (kBadInput) naming file, line or byte, and what was expected.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "quant/eval/tasks/task.h"

namespace lathe {

struct TaskFile {
  std::string name;    // without its folder
  std::string sha256;  // of its bytes
  std::size_t n_tasks = 0;
};

struct TaskSet {
  TaskKind kind;
  std::vector<Task> tasks;
  std::vector<TaskFile> files;
};

// Files one after another; a folder stands for its files in order of name, as a shell lists them
// (hidden ones left out). Error (kBadInput) for a file without tasks.
TaskSet read_tasks(TaskKind kind, std::span<const std::string> paths);

// What tells sets apart: the hash of their files' hashes, one a line; of one file, its own.
std::string task_set_sha256(const TaskSet& set);

// The tasks of one file's bytes; `path` names it in messages, and the group where the file itself
// does not (ARC-Easy-Test.jsonl, anatomy_test.csv).
std::vector<Task> parse_tasks(TaskKind kind, std::span<const std::uint8_t> bytes,
                              const std::string& path);

}  // namespace lathe
