#include <fmt/format.h>

#include <utility>

#include "quant/eval/tasks/csv.h"
#include "quant/eval/tasks/json_line.h"
#include "quant/eval/tasks/readers.h"
#include "quant/eval/tasks/text_lines.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

struct Row {
  const std::string &sentence, &first, &second, &answer;
};

Task task_of(const Row& row, const std::string& where) {
  const std::size_t gap = row.sentence.find('_');
  if (gap == std::string::npos || row.sentence.find('_', gap + 1) != std::string::npos) {
    throw bad_input(where, "expected a sentence with one gap '_', found " + quoted(row.sentence));
  }
  if (row.answer != "1" && row.answer != "2") {
    throw bad_input(where, "expected 1 or 2 as the answer, found " + quoted(row.answer));
  }
  Task task;
  task.question = row.sentence.substr(0, gap);
  task.after_gap = row.sentence.substr(gap + 1);
  task.choices = {{row.first, row.answer == "1"}, {row.second, row.answer == "2"}};
  task.where = where;
  check_task(task);
  return task;
}

std::string answer_text(const JsonNode& node) {
  return node.kind() == "string" ? node.text() : node.number();
}

}  // namespace

Tasks read_winogrande_csv(std::string_view text, const std::string& path) {
  constexpr std::size_t kColumns = 5;
  Tasks tasks;
  CsvReader csv(text, path);
  std::vector<std::string> row;
  for (bool first = true; csv.next(row); first = false) {
    if (row.size() != kColumns) {
      throw bad_input(csv.where(), fmt::format("expected {} columns (index, sentence, choice 1, "
                                               "choice 2, answer), found {}",
                                               kColumns, row.size()));
    }
    if (first && row[1] == "sentence") continue;
    tasks.push_back(task_of({row[1], row[2], row[3], row[4]}, csv.where()));
  }
  return tasks;
}

Tasks read_winogrande_json(std::string_view text, const std::string& path) {
  return tasks_of_json_lines(text, path, [](const JsonNode& object, const std::string& where) {
    const std::string answer = answer_text(object.at("answer"));
    return task_of({object.at("sentence").text(), object.at("option1").text(),
                    object.at("option2").text(), answer},
                   where);
  });
}

}  // namespace lathe
