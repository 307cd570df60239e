#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "quant/eval/tasks/csv.h"
#include "quant/eval/tasks/json_line.h"
#include "quant/eval/tasks/readers.h"
#include "quant/eval/tasks/text_lines.h"
#include "runtime/base/ascii.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

struct Answers {
  std::vector<std::string> texts, labels;  // labels: as many as texts, or none
};

Answers answers_of(const JsonNode& choices) {
  Answers answers;
  if (choices.kind() == "object") {  // {"text": [...], "label": [...]}
    for (const JsonNode& text : choices.at("text").elements()) answers.texts.push_back(text.text());
    for (const JsonNode& l : choices.at("label").elements()) answers.labels.push_back(l.text());
    if (answers.labels.size() != answers.texts.size()) {
      choices.fail(
          fmt::format("{} texts, but {} labels", answers.texts.size(), answers.labels.size()));
    }
    return answers;
  }
  for (const JsonNode& choice : choices.elements()) {
    const bool labelled = choice.kind() == "object";  // {"text": ..., "label": ...}
    answers.texts.push_back(labelled ? choice.at("text").text() : choice.text());
    if (labelled) answers.labels.push_back(choice.at("label").text());
  }
  if (!answers.labels.empty() && answers.labels.size() != answers.texts.size()) {
    choices.fail("some answers have a label and some have none");
  }
  return answers;
}

// A, B, ... from 0. n where it is no such letter.
std::size_t letter_index(std::string_view letter, std::size_t n) noexcept {
  if (letter.size() != 1 || letter[0] < 'A' || letter[0] > 'Z') return n;
  return std::min(n, static_cast<std::size_t>(letter[0] - 'A'));
}

std::size_t index_of_key(const JsonNode& key, const Answers& answers) {
  const std::string& label = key.text();
  const auto& labels = answers.labels;
  if (!labels.empty()) {
    const auto it = std::find(labels.begin(), labels.end(), label);
    if (it == labels.end()) key.fail("no answer has the label " + quoted(label));
    if (std::find(it + 1, labels.end(), label) != labels.end()) {
      key.fail("two answers have the label " + quoted(label));
    }
    return static_cast<std::size_t>(it - labels.begin());
  }
  const std::size_t n = answers.texts.size();
  std::size_t index = letter_index(label, n);
  if (label.size() == 1 && label[0] >= '1' && label[0] <= '9') {
    index = static_cast<std::size_t>(label[0] - '1');
  }
  if (index >= n) {
    key.fail(fmt::format("expected the letter of one of {} answers, found {}", n, quoted(label)));
  }
  return index;
}

std::size_t correct_index(const JsonNode& object, const Answers& answers) {
  if (const auto key = object.find("answerKey")) return index_of_key(*key, answers);
  auto gold = object.find("gold");
  if (!gold) gold = object.find("answer");
  if (!gold) object.fail("no right answer: expected \"gold\", \"answer\" or \"answerKey\"");
  if (gold->kind() == "string") return index_of_key(*gold, answers);
  return gold_index(*gold, answers.texts.size());
}

Task task_of(const JsonNode& object, const std::string& group) {
  const JsonNode question = object.at("question");
  const bool nested = question.kind() == "object";
  Task task;
  task.question = nested ? question.at("stem").text() : question.text();
  const Answers answers = answers_of((nested ? question : object).at("choices"));
  for (const std::string& text : answers.texts) task.choices.push_back({text, false});
  task.choices[correct_index(object, answers)].correct = true;
  const auto subject = object.find("subject");
  task.group = subject && subject->kind() == "string" ? subject->text() : group;
  return task;
}

}  // namespace

std::string group_of_file(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  name = name.substr(0, name.find('.', 1));
  const std::string small = lowercase(name);
  if (small.find("arc") != std::string::npos) {
    if (small.find("easy") != std::string::npos) return "ARC-Easy";
    if (small.find("challenge") != std::string::npos) return "ARC-Challenge";
  }
  for (const std::string_view split : {"_test", "_val", "_dev"}) {
    if (name.size() > split.size() && name.ends_with(split)) {
      return name.substr(0, name.size() - split.size());
    }
  }
  return name;
}

Tasks read_question_json(std::string_view text, const std::string& path) {
  const std::string group = group_of_file(path);
  return tasks_of_json_lines(text, path, [&](const JsonNode& object, const std::string&) {
    return task_of(object, group);
  });
}

Tasks read_mmlu_csv(std::string_view text, const std::string& path) {
  constexpr std::size_t kAnswers = 4, kColumns = kAnswers + 2;
  const std::string group = group_of_file(path);
  Tasks tasks;
  CsvReader csv(text, path);
  std::vector<std::string> row;
  while (csv.next(row)) {
    if (row.size() != kColumns) {
      throw bad_input(csv.where(), fmt::format("expected {} columns (question, A, B, C, D, answer),"
                                               " found {}",
                                               kColumns, row.size()));
    }
    Task task;
    task.where = csv.where();
    task.question = row[0];
    task.group = group;
    const std::size_t gold = letter_index(trimmed(row.back()), kAnswers);
    if (gold == kAnswers) {
      throw bad_input(task.where,
                      "expected A, B, C or D as the answer, found " + quoted(row.back()));
    }
    for (std::size_t a = 0; a < kAnswers; ++a) task.choices.push_back({row[1 + a], a == gold});
    check_task(task);
    tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace lathe
