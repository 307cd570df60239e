#include <fmt/format.h>

#include <array>
#include <utility>

#include "quant/eval/tasks/json_line.h"
#include "quant/eval/tasks/readers.h"
#include "quant/eval/tasks/text_lines.h"
#include "runtime/base/ascii.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr std::size_t kEndings = 4;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, done)) {
    out.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  text = out.append(text, done);
}

void squeeze_spaces(std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || !out.ends_with(' ')) out += c;
  }
  text = std::move(out);
}

// Contexts and endings from WikiHow carry the tags of its paragraphs.
std::string without_tags(std::string text) {
  replace_all(text, " [title]", ". ");
  for (const char* tag : {"[header]", "[title]", "[step]", "[substeps]"}) {
    replace_all(text, tag, "");
  }
  squeeze_spaces(text);
  return std::string(trimmed(text));
}

std::string context_of(const JsonNode& object) {
  std::string context;
  if (const auto ctx = object.find("ctx")) {
    context = ctx->text();
  } else {
    context = object.at("ctx_a").text() + " " + object.at("ctx_b").text();
  }
  const auto label = object.find("activity_label");
  return without_tags(label ? label->text() + ": " + context : context);
}

Task task_of(const JsonNode& object, const std::string&) {
  Task task;
  task.question = context_of(object);
  for (const JsonNode& ending : object.at("endings").elements()) {
    task.choices.push_back({without_tags(ending.text()), false});
  }
  task.choices[gold_index(object.at("label"), task.choices.size())].correct = true;
  return task;
}

std::size_t gold_of_line(std::string_view line, const std::string& where) {
  if (line.size() == 1 && line[0] >= '0' && line[0] < static_cast<char>('0' + kEndings)) {
    return static_cast<std::size_t>(line[0] - '0');
  }
  throw bad_input(where, fmt::format("expected the number of the right ending, 0 to {}, found {}",
                                     kEndings - 1, quoted(line)));
}

}  // namespace

Tasks read_hellaswag_text(std::string_view text, const std::string& path) {
  Tasks tasks;
  text = without_bom(text);
  LineReader lines(text.substr(0, text.find_last_not_of("\r\n") + 1));
  std::string_view line;
  while (lines.next(line)) {
    Task task;
    task.where = line_name(path, lines.number());
    task.question = line;
    std::array<std::string_view, 1 + kEndings> rest;
    for (std::string_view& l : rest) {
      if (!lines.next(l)) {
        throw bad_input(task.where,
                        "the file ends inside a task: expected a context, the number "
                        "of the right ending and 4 endings, a line each");
      }
    }
    const std::size_t gold = gold_of_line(rest[0], line_name(path, lines.number() - kEndings));
    for (std::size_t e = 0; e < kEndings; ++e) {
      task.choices.push_back({std::string(rest[1 + e]), e == gold});
    }
    check_task(task);
    tasks.push_back(std::move(task));
  }
  return tasks;
}

Tasks read_hellaswag_json(std::string_view text, const std::string& path) {
  return tasks_of_json_lines(text, path, task_of);
}

}  // namespace lathe
