#include "runtime/gguf/metadata.h"

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

// What a scalar holds, for messages: "i32 -5", "string 'yes'", "array of u8".
std::string describe(const Value& value) {
  if (const auto v = value.as_int()) return fmt::format("{} {}", value.type_text(), *v);
  if (const auto v = value.as_uint()) return fmt::format("{} {}", value.type_text(), *v);
  if (const auto v = value.as_real()) return fmt::format("{} {}", value.type_text(), *v);
  if (const auto v = value.as_text()) return "string " + quoted(*v, 40);
  return value.type_text();
}

}  // namespace

const Value* Metadata::find(std::string_view key) const noexcept {
  const auto it = index_.find(key);
  return it == index_.end() ? nullptr : &entries_[it->second].value;
}

void Metadata::set(std::string_view key, Value value) {
  const auto it = index_.find(key);
  if (it != index_.end()) {
    entries_[it->second].value = std::move(value);
    return;
  }
  index_.emplace(key, entries_.size());
  entries_.push_back({std::string(key), std::move(value)});
}

bool Metadata::erase(std::string_view key) {
  const auto it = index_.find(key);
  if (it == index_.end()) return false;
  const std::size_t at = it->second;
  index_.erase(it);
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(at));
  for (auto& [name, position] : index_) {
    if (position > at) --position;
  }
  return true;
}

std::optional<std::uint64_t> Metadata::uint(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto v = value->as_uint();
  if (!v) fail_type(key, *value, "an integer of 0 or more");
  return v;
}

std::optional<std::int64_t> Metadata::integer(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto v = value->as_int();
  if (!v) fail_type(key, *value, "an integer");
  return v;
}

std::optional<double> Metadata::real(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto v = value->as_real();
  if (!v) fail_type(key, *value, "a number (f32)");
  return v;
}

std::optional<bool> Metadata::boolean(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto v = value->as_bool();
  if (!v) fail_type(key, *value, "a bool");
  return v;
}

std::optional<std::string_view> Metadata::text(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto v = value->as_text();
  if (!v) fail_type(key, *value, "a string");
  return v;
}

std::uint64_t Metadata::require_uint(std::string_view key, std::uint64_t min,
                                     std::uint64_t max) const {
  const std::string expected = max == std::numeric_limits<std::uint64_t>::max()
                                   ? fmt::format("an integer of {} or more", min)
                                   : fmt::format("an integer from {} to {}", min, max);
  const Value* value = find(key);
  if (value == nullptr) fail_missing(key, expected);
  const auto v = value->as_uint();
  if (!v || *v < min || *v > max) fail_type(key, *value, expected);
  return *v;
}

double Metadata::require_real(std::string_view key) const {
  const auto v = real(key);
  if (!v) fail_missing(key, "a number (f32)");
  return *v;
}

std::string_view Metadata::require_text(std::string_view key) const {
  const auto v = text(key);
  if (!v) fail_missing(key, "a string");
  return *v;
}

std::optional<std::vector<std::uint64_t>> Metadata::uint_list(std::string_view key) const {
  static constexpr std::string_view kExpected = "an integer of 0 or more, or an array of them";
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const bool numbers = is_integer(value->element_type()) ||
                       (value->is_array() && value->element_type() == ValueType::kBool);
  if (!numbers) fail_type(key, *value, kExpected);
  std::vector<std::uint64_t> out;
  out.reserve(value->size());
  for (std::size_t i = 0; i < value->size(); ++i) {
    const Value item = value->is_array() ? value->element(i) : *value;
    const auto v =
        item.as_bool() ? std::optional<std::uint64_t>(*item.as_bool() ? 1 : 0) : item.as_uint();
    if (!v) fail_type(key, item, kExpected);
    out.push_back(*v);
  }
  return out;
}

const StringList* Metadata::string_array(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return nullptr;
  const StringList* list = value->as_strings();
  if (list == nullptr) fail_array(key, *value, ValueType::kString);
  return list;
}

void Metadata::fail(std::string_view key, std::string_view problem) const {
  throw bad_input(origin_, fmt::format("key {}: {}", quoted(key), problem));
}

void Metadata::fail_type(std::string_view key, const Value& value,
                         std::string_view expected) const {
  fail(key, fmt::format("expected {}, found {}", expected, describe(value)));
}

void Metadata::fail_array(std::string_view key, const Value& value, ValueType element) const {
  fail_type(key, value, fmt::format("an array of {}", value_type_name(element)));
}

void Metadata::fail_missing(std::string_view key, std::string_view expected) const {
  fail(key, fmt::format("is missing, expected {}", expected));
}

}  // namespace lathe
