#include <fmt/format.h>

#include <algorithm>

#include "runtime/text/jinja/operators.h"
#include "runtime/text/jinja/runtime.h"

namespace lathe::jinja {

NamedArguments::NamedArguments(const Arguments& given,
                               std::initializer_list<std::string_view> names) {
  if (given.positional.size() > names.size()) {
    throw Fault(fmt::format("{} arguments are given, at most {} are expected",
                            given.positional.size(), names.size()));
  }
  for (std::size_t i = 0; i < given.positional.size(); ++i) {
    values_.emplace_back(names.begin()[i], given.positional[i]);
  }
  for (const auto& [name, value] : given.named) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw Fault(fmt::format("there is no argument '{}'", name));
    }
    if (find(name) != nullptr) throw Fault(fmt::format("the argument '{}' is given twice", name));
    values_.emplace_back(name, value);
  }
}

const Value* NamedArguments::find(std::string_view name) const noexcept {
  for (const auto& value : values_) {
    if (value.first == name) return &value.second;
  }
  return nullptr;
}

Value NamedArguments::get(std::string_view name, const Value& otherwise) const {
  const Value* const value = find(name);
  return value != nullptr ? *value : otherwise;
}

Value NamedArguments::require(std::string_view name) const {
  const Value* const value = find(name);
  if (value == nullptr) throw Fault(fmt::format("the argument '{}' is missing", name));
  return *value;
}

std::int64_t NamedArguments::integer(std::string_view name, std::int64_t otherwise) const {
  const Value* const value = find(name);
  if (value == nullptr) return otherwise;
  if (!value->is_whole()) throw Fault(fmt::format("'{}' must be a whole number", name));
  return value->as_int();
}

std::string_view NamedArguments::text(std::string_view name, std::string_view otherwise) const {
  const Value* const value = find(name);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) throw Fault(fmt::format("'{}' must be a string", name));
  return value->as_text();
}

bool NamedArguments::flag(std::string_view name, bool otherwise) const {
  const Value* const value = find(name);
  return value != nullptr ? truth(*value) : otherwise;
}

}  // namespace lathe::jinja
