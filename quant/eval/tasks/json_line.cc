#include "quant/eval/tasks/json_line.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "quant/eval/tasks/text_lines.h"
#include "runtime/base/ascii.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr int kMaxDepth = 16;  // some releases carry nested extras

}  // namespace

Tasks tasks_of_json_lines(std::string_view text, const std::string& path,
                          const TaskOfJson& task_of) {
  Tasks tasks;
  LineReader lines(text);
  std::string_view line;
  while (lines.next(line)) {
    if (trimmed(line).empty()) continue;
    const std::string where = line_name(path, lines.number());
    const nlohmann::json json = parse_strict_json(line, where, kMaxDepth);
    const JsonNode node(json, where);
    if (!json.is_object()) node.fail("expected an object, found " + node.kind());
    Task task = task_of(node, where);
    task.where = where;
    check_task(task);
    tasks.push_back(std::move(task));
  }
  return tasks;
}

std::size_t gold_index(const JsonNode& node, std::size_t n) {
  std::size_t index = n;
  if (node.kind() == "string") {
    const std::string& text = node.text();
    if (text.empty()) node.fail("no right answer is given");
    const bool digits = text.size() <= 3 && text.find_first_not_of("0123456789") == text.npos;
    if (!digits) node.fail("expected the number of an answer, found " + quoted(text));
    index = std::stoul(text);
  } else {
    index = node.uint(kMaxChoices);
  }
  if (index >= n) node.fail(fmt::format("answer {} of {}, counted from 0", index, n));
  return index;
}

}  // namespace lathe
