// Fuzzes the files of multiple-choice tasks: the first byte says which test it is for, the rest are
// the file. Any bytes are refused with an Error of the kind kBadInput, or are tasks that can be
// scored: with a question, answers, and a right one; the same ones each time.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "quant/eval/tasks/read_tasks.h"
#include "runtime/base/error.h"

namespace {

constexpr unsigned kKinds = 6;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const std::vector<lathe::Task>& tasks) {
  for (const lathe::Task& task : tasks) {
    lathe::check_task(task);
    require(task.choices.size() >= 2 && task.choices.size() <= lathe::kMaxChoices);
    require(task.mc2.size() <= lathe::kMaxChoices && !task.where.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto kind = static_cast<lathe::TaskKind>(data[0] % kKinds);
  try {
    const auto tasks = lathe::parse_tasks(kind, {data + 1, size - 1}, "fuzz_val.jsonl");
    check(tasks);
    const auto again = lathe::parse_tasks(kind, {data + 1, size - 1}, "fuzz_val.jsonl");
    require(again.size() == tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      require(again[i].question == tasks[i].question && again[i].choices == tasks[i].choices);
    }
  } catch (const lathe::Error& error) {
    require(error.kind() == lathe::ErrorKind::kBadInput);
  }
  return 0;
}
