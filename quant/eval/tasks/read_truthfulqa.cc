#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "quant/eval/tasks/csv.h"
#include "quant/eval/tasks/readers.h"
#include "quant/eval/tasks/text_lines.h"
#include "runtime/base/ascii.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

// Answers are keys, and their order counts (the first of equal scores wins).
using Json = nlohmann::ordered_json;

// Adds an answer. One that stands there already keeps its place and takes the later label: an
// answer that the CSV calls both correct and incorrect (there is one) is incorrect in mc_task.json.
void add_choice(std::vector<TaskChoice>& choices, std::string text, bool correct,
                const std::string& where) {
  const auto it = std::find_if(choices.begin(), choices.end(),
                               [&](const TaskChoice& c) { return c.text == text; });
  if (it != choices.end()) {
    it->correct = correct;
    return;
  }
  if (choices.size() == kMaxChoices) {
    throw bad_input(where, fmt::format("more than {} answers", kMaxChoices));
  }
  choices.push_back({std::move(text), correct});
}

// ---- mc_task.json

// Refuses what could make parsing slow or ambiguous before it is built: ordered objects look keys
// up one by one.
class TruthfulShape {
 public:
  explicit TruthfulShape(const std::string& path) : path_(path) {}

  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > kMaxDepth) throw bad_input(path_, "JSON that is nested too deeply");
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key) add_key(parsed.get<std::string>());
    return true;
  }

 private:
  static constexpr int kMaxDepth = 8;

  void add_key(std::string key) {
    std::vector<std::string>& keys = keys_.back();
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) {
      throw bad_input(path_, fmt::format("the key {} stands twice in one object", quoted(key)));
    }
    if (keys.size() == kMaxChoices) {
      throw bad_input(path_, fmt::format("more than {} answers", kMaxChoices));
    }
    keys.push_back(std::move(key));
  }

  const std::string& path_;
  std::vector<std::vector<std::string>> keys_;  // of the objects that are open
};

const Json& member(const Json& object, const char* key, const std::string& where) {
  const auto it = object.find(key);
  if (it == object.end()) throw bad_input(where, fmt::format("the key \"{}\" is missing", key));
  return *it;
}

std::vector<TaskChoice> targets_of(const Json& targets, const std::string& where) {
  if (!targets.is_object()) throw bad_input(where, "expected an object of answers");
  std::vector<TaskChoice> choices;
  for (const auto& [answer, label] : targets.items()) {
    const bool known = label.is_number_integer() && (label == 0 || label == 1);
    if (!known) {
      throw bad_input(where, fmt::format("expected a label of 0 or 1 for the answer {}, found {}",
                                         quoted(answer), printable(label.dump())));
    }
    choices.push_back({answer, label == 1});
  }
  return choices;
}

Task task_of(const Json& object, std::string where) {
  if (!object.is_object()) throw bad_input(where, "expected an object");
  const Json& question = member(object, "question", where);
  if (!question.is_string()) throw bad_input(where, "question: expected a text");
  Task task;
  task.question = question.get<std::string>();
  task.choices = targets_of(member(object, "mc1_targets", where), where + ", mc1_targets");
  if (object.contains("mc2_targets")) {
    task.mc2 = targets_of(object["mc2_targets"], where + ", mc2_targets");
  }
  task.where = std::move(where);
  check_task(task);
  return task;
}

// ---- TruthfulQA.csv

std::string closed(std::string_view answer) {
  return std::string(answer) + (answer.ends_with('.') ? "" : ".");
}

void add_list(std::vector<TaskChoice>& choices, std::string_view list, bool correct,
              const std::string& where) {
  while (!list.empty()) {
    const std::size_t end = list.find(';');
    const std::string_view answer = trimmed(list.substr(0, end));
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    if (!answer.empty()) add_choice(choices, closed(answer), correct, where);
  }
}

struct Columns {
  std::size_t question, best, correct, incorrect;
};

std::size_t column(const std::vector<std::string>& header, std::string_view name,
                   const std::string& where) {
  const auto it = std::find(header.begin(), header.end(), name);
  if (it == header.end()) throw bad_input(where, fmt::format("no column \"{}\"", name));
  return static_cast<std::size_t>(it - header.begin());
}

Task task_of(const std::vector<std::string>& row, const Columns& at, const std::string& where) {
  Task task;
  task.where = where;
  task.question = std::string(trimmed(row[at.question]));
  const std::string_view best = trimmed(row[at.best]);
  if (best.empty()) throw bad_input(where, "the best answer is empty");
  add_choice(task.choices, closed(best), true, where);
  add_list(task.choices, row[at.incorrect], false, where);
  add_list(task.mc2, row[at.correct], true, where);
  add_list(task.mc2, row[at.incorrect], false, where);
  check_task(task);
  return task;
}

}  // namespace

Tasks read_truthful_json(std::string_view text, const std::string& path) {
  Json list;
  try {
    list = Json::parse(without_bom(text), TruthfulShape(path));
  } catch (const Json::exception& error) {
    throw bad_input(path, fmt::format("no valid JSON: {}", printable(error.what(), 200)));
  }
  if (!list.is_array()) throw bad_input(path, "expected a JSON list of questions");
  Tasks tasks;
  for (const Json& object : list) {
    tasks.push_back(task_of(object, fmt::format("{}, question {}", path, tasks.size() + 1)));
  }
  return tasks;
}

bool is_truthful_csv(std::string_view text) {
  std::string_view line;
  return LineReader(text).next(line) && line.find("Best Answer") != std::string_view::npos;
}

Tasks read_truthful_csv(std::string_view text, const std::string& path) {
  CsvReader csv(text, path);
  std::vector<std::string> row;
  if (!csv.next(row)) return {};
  const std::size_t n_columns = row.size();
  const Columns at{column(row, "Question", csv.where()), column(row, "Best Answer", csv.where()),
                   column(row, "Correct Answers", csv.where()),
                   column(row, "Incorrect Answers", csv.where())};
  Tasks tasks;
  while (csv.next(row)) {
    if (row.size() != n_columns) {
      throw bad_input(csv.where(),
                      fmt::format("expected {} columns, found {}", n_columns, row.size()));
    }
    tasks.push_back(task_of(row, at, csv.where()));
  }
  return tasks;
}

}  // namespace lathe
