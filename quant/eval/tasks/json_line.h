// What the readers of JSON lines share.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "quant/eval/tasks/readers.h"
#include "runtime/base/json_node.h"

namespace lathe {

using TaskOfJson = std::function<Task(const JsonNode& object, const std::string& where)>;

// Each line that is not blank as one task; `where` is set and the task checked here. Error
// (kBadInput) naming the line for anything that is not strict JSON or not what task_of() expects.
Tasks tasks_of_json_lines(std::string_view text, const std::string& path,
                          const TaskOfJson& task_of);

// The index that a number, or a text of digits, names. Error unless it is below n.
std::size_t gold_index(const JsonNode& node, std::size_t n);

}  // namespace lathe
