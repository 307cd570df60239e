#include "runtime/text/tool_calls.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/base/ascii.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kPythonTag = "<|python_tag|>", kMistralTag = "[TOOL_CALLS]",
                           kMistralId = "[CALL_ID]", kMistralArguments = "[ARGS]",
                           kHermesBegin = "<tool_call>", kHermesEnd = "</tool_call>";

constexpr int kMaxDepth = 50;  // of JSON that a model wrote

std::optional<Json> json_of(std::string_view text) {
  int depth = 0;
  const auto bounded = [&](int d, Json::parse_event_t, Json&) {
    depth = std::max(depth, d);
    return d < kMaxDepth;
  };
  Json json = Json::parse(text, bounded, false);
  if (json.is_discarded() || depth >= kMaxDepth) return std::nullopt;
  return json;
}

std::optional<ToolCall> call_of(const Json& json) {
  if (!json.is_object() || !json.contains("name") || !json["name"].is_string()) return std::nullopt;
  const char* const key = json.contains("parameters") ? "parameters" : "arguments";
  if (!json.contains(key)) return std::nullopt;
  ToolCall call{json["name"].get<std::string>(), {}, {}};
  const Json& arguments = json[key];
  call.arguments = arguments.is_string() ? arguments.get<std::string>() : arguments.dump();
  if (json.contains("id") && json["id"].is_string()) call.id = json["id"].get<std::string>();
  return call;
}

// Of one JSON object, or a list of them.
std::vector<ToolCall> calls_of(std::string_view text) {
  const std::optional<Json> json = json_of(trimmed(text));
  std::vector<ToolCall> calls;
  if (!json) return calls;
  const Json list = json->is_array() ? *json : Json::array({*json});
  for (const Json& item : list) {
    if (std::optional<ToolCall> call = call_of(item)) calls.push_back(std::move(*call));
  }
  return calls;
}

std::string_view cut_at(std::string_view text, std::string_view mark) {
  return text.substr(0, text.find(mark));
}

std::vector<ToolCall> mistral_calls(std::string_view text) {
  std::vector<ToolCall> calls;
  for (std::size_t at = text.find(kMistralTag); at != text.npos; at = text.find(kMistralTag)) {
    text.remove_prefix(at + kMistralTag.size());
    std::string_view one = cut_at(text, kMistralTag);
    const std::size_t arguments = one.find(kMistralArguments);
    if (arguments == one.npos) {
      for (ToolCall& call : calls_of(cut_at(one, "</s>"))) calls.push_back(std::move(call));
      continue;
    }
    const std::string_view head = one.substr(0, arguments);
    one.remove_prefix(arguments + kMistralArguments.size());
    ToolCall call{std::string(trimmed(cut_at(head, kMistralId))),
                  std::string(trimmed(cut_at(one, "</s>"))),
                  {}};
    if (const std::size_t id = head.find(kMistralId); id != head.npos) {
      call.id = head.substr(id + kMistralId.size());
    }
    calls.push_back(std::move(call));
  }
  return calls;
}

std::vector<ToolCall> hermes_calls(std::string_view text) {
  std::vector<ToolCall> calls;
  for (std::size_t at = text.find(kHermesBegin); at != text.npos; at = text.find(kHermesBegin)) {
    text.remove_prefix(at + kHermesBegin.size());
    for (ToolCall& call : calls_of(cut_at(text, kHermesEnd))) calls.push_back(std::move(call));
  }
  return calls;
}

// f.call(a="b")
std::optional<ToolCall> python_call(std::string_view text) {
  constexpr std::string_view kCall = ".call(";
  const std::size_t at = text.find(kCall);
  const std::size_t end = text.rfind(')');
  if (at == text.npos || end == text.npos || end < at + kCall.size()) return std::nullopt;
  return ToolCall{std::string(trimmed(text.substr(0, at))),
                  std::string(text.substr(at + kCall.size(), end - at - kCall.size())),
                  {}};
}

}  // namespace

std::vector<ToolCall> find_tool_calls(std::string_view reply) {
  if (reply.find(kMistralTag) != reply.npos) return mistral_calls(reply);
  if (reply.find(kHermesBegin) != reply.npos) return hermes_calls(reply);
  std::string_view text = trimmed(cut_at(cut_at(reply, "<|eot_id|>"), "<|eom_id|>"));
  if (!text.starts_with(kPythonTag)) return calls_of(text);
  text.remove_prefix(kPythonTag.size());
  std::vector<ToolCall> calls = calls_of(text);
  if (calls.empty()) {
    if (std::optional<ToolCall> call = python_call(text)) calls.push_back(std::move(*call));
  }
  return calls;
}

}  // namespace lathe
