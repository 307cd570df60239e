#include "runtime/base/json_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

using Json = nlohmann::json;

class StructureCheck {
 public:
  StructureCheck(const std::string& file, int max_depth) : file_(file), max_depth_(max_depth) {}

  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > max_depth_) throw bad_input(file_, "JSON that is nested too deeply");
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key && !keys_.back().insert(parsed.get<std::string>()).second) {
      throw bad_input(file_, fmt::format("the key {} stands twice in one object",
                                         quoted(parsed.get<std::string>())));
    }
    return true;
  }

 private:
  const std::string& file_;
  int max_depth_;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
};

}  // namespace

void JsonNode::fail(const std::string& problem) const {
  throw bad_input(file_, path_.empty() ? problem : printable(path_) + ": " + problem);
}

JsonNode JsonNode::at(const char* key) const {
  const auto it = json_->find(key);
  if (it == json_->end()) fail(fmt::format("the key \"{}\" is missing", key));
  return {*it, file_, path_.empty() ? key : path_ + "." + key};
}

std::optional<JsonNode> JsonNode::find(const char* key) const {
  if (!json_->contains(key)) return std::nullopt;
  return at(key);
}

std::vector<std::string> JsonNode::keys() const {
  if (!json_->is_object()) fail("expected an object, found " + kind());
  std::vector<std::string> out;
  for (const auto& [key, value] : json_->items()) out.push_back(key);
  return out;
}

std::vector<std::pair<std::string, JsonNode>> JsonNode::members() const {
  if (!json_->is_object()) fail("expected an object, found " + kind());
  std::vector<std::pair<std::string, JsonNode>> out;
  out.reserve(json_->size());
  for (const auto& [key, value] : json_->items()) {
    out.emplace_back(key, JsonNode(value, file_, path_.empty() ? key : path_ + "." + key));
  }
  return out;
}

std::vector<JsonNode> JsonNode::elements() const {
  if (!json_->is_array()) fail("expected an array, found " + kind());
  std::vector<JsonNode> out;
  out.reserve(json_->size());
  for (const Json& element : *json_) {
    out.push_back(JsonNode(element, file_, fmt::format("{}[{}]", path_, out.size())));
  }
  return out;
}

void JsonNode::check_keys(std::initializer_list<std::string_view> known) const {
  if (!json_->is_object()) fail("expected an object, found " + kind());
  for (const auto& [key, value] : json_->items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      fail("unknown key " + quoted(key));
    }
  }
}

const std::string& JsonNode::text() const {
  if (!json_->is_string()) fail("expected a text, found " + kind());
  return json_->get_ref<const std::string&>();
}

std::uint64_t JsonNode::uint(std::uint64_t max) const {
  if (!json_->is_number_unsigned() || json_->get<std::uint64_t>() > max) {
    fail(fmt::format("expected a whole number of at most {}, found {}", max,
                     json_->is_number() ? printable(json_->dump()) : kind()));
  }
  return json_->get<std::uint64_t>();
}

bool JsonNode::boolean() const {
  if (!json_->is_boolean()) fail("expected true or false, found " + kind());
  return json_->get<bool>();
}

double JsonNode::real() const {
  if (!json_->is_number()) fail("expected a number, found " + kind());
  return json_->get<double>();
}

std::string JsonNode::number() const {
  if (!json_->is_number()) fail("expected a number, found " + kind());
  return json_->dump();
}

std::string JsonNode::kind() const { return json_->type_name(); }

bool JsonNode::is_null() const noexcept { return json_->is_null(); }
bool JsonNode::is_text() const noexcept { return json_->is_string(); }
bool JsonNode::is_array() const noexcept { return json_->is_array(); }
bool JsonNode::is_object() const noexcept { return json_->is_object(); }
bool JsonNode::is_whole() const noexcept { return json_->is_number_unsigned(); }

nlohmann::json parse_strict_json(std::string_view text, const std::string& file, int max_depth) {
  StructureCheck check(file, max_depth);
  try {
    return Json::parse(text, std::ref(check));
  } catch (const Json::exception& error) {
    throw bad_input(file, fmt::format("no valid JSON: {}", printable(error.what(), 200)));
  }
}

}  // namespace lathe
