// Calls of tools in what a model wrote, in the forms of Llama 3.1, Mistral (v3 to v7-tekken) and
// Hermes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lathe {

struct ToolCall {
  std::string name;
  std::string arguments;  // JSON as the model wrote it, or code
  std::string id;         // may be empty
};

// `reply` has control tokens by name. Text that is no call gives none; nothing is an error.
//
//   {"name": "f", "parameters": {...}}, also behind <|python_tag|>      Llama 3.1
//   <|python_tag|>f.call(a="b")                                         Llama 3.1, its own tools
//   [TOOL_CALLS][{"name": "f", "arguments": {...}, "id": "..."}]        Mistral v3
//   [TOOL_CALLS]f[CALL_ID]...[ARGS]{...}                                Mistral v7-tekken
//   <tool_call>{"name": "f", "arguments": {...}}</tool_call>            Hermes
std::vector<ToolCall> find_tool_calls(std::string_view reply);

}  // namespace lathe
