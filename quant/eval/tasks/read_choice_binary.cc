#include <fmt/format.h>

#include <string>
#include <utility>

#include "quant/eval/tasks/readers.h"
#include "runtime/base/byte_reader.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kMinTaskBytes = 3 * sizeof(std::uint32_t);  // three lengths of nothing

std::string read_text(ByteReader& in, std::string_view what) {
  const auto n = in.read<std::uint32_t>(what);
  const auto bytes = in.take(n, what);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<TaskChoice> read_choices(ByteReader& in) {
  const auto n = in.read<std::uint32_t>("number of answers");
  in.check_count(n, 2 * sizeof(std::uint32_t), kMaxChoices, "answers");
  std::vector<TaskChoice> choices(n);
  for (TaskChoice& choice : choices) choice.text = read_text(in, "answer");
  for (TaskChoice& choice : choices) {
    const auto label = in.read<std::int32_t>("label");
    if (label != 0 && label != 1) {
      in.fail_at(in.offset() - sizeof label,
                 fmt::format("expected a label of 0 or 1, found {}", label));
    }
    choice.correct = label == 1;
  }
  return choices;
}

Task read_task(ByteReader& in, std::string where) {
  Task task;
  task.where = std::move(where);
  task.question = read_text(in, "question");
  task.choices = read_choices(in);
  task.mc2 = read_choices(in);
  check_task(task);
  return task;
}

}  // namespace

Tasks read_choice_binary(std::span<const std::uint8_t> bytes, const std::string& path) {
  ByteReader index(bytes, path);
  const auto n_tasks = index.read<std::uint32_t>("number of tasks");
  // The last offset may belong to the last task's bytes only if there are any.
  index.check_count(n_tasks, sizeof(std::uint32_t) + kMinTaskBytes, bytes.size(), "tasks");
  const std::size_t first = (1 + std::size_t{n_tasks}) * sizeof(std::uint32_t);
  std::size_t unread = bytes.size() - first;  // tasks cannot share bytes
  const std::string group = group_of_file(path);
  Tasks tasks;
  for (std::uint32_t t = 0; t < n_tasks; ++t) {
    const auto offset = index.read<std::uint32_t>("offset of a task");
    if (offset < first || offset >= bytes.size()) {
      index.fail_at(index.offset() - sizeof offset,
                    fmt::format("task {} is said to begin at byte {}, expected {} to {}", t + 1,
                                offset, first, bytes.size() - 1));
    }
    ByteReader in(bytes, path);
    in.take(offset, "tasks before");
    in.set_context(fmt::format("task {}", t + 1));
    tasks.push_back(read_task(in, fmt::format("{}, task {} at byte {}", path, t + 1, offset)));
    tasks.back().group = group;
    if (in.offset() - offset > unread) in.fail_at(offset, "the tasks overlap");
    unread -= in.offset() - offset;
  }
  return tasks;
}

}  // namespace lathe
