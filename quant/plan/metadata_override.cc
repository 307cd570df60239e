#include "quant/plan/metadata_override.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/gguf_parse.h"

namespace lathe {
namespace {

Error malformed(std::string_view text, std::string_view problem) {
  return usage_error(fmt::format("--override-kv {}: {}", quoted(text), problem));
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || after != end) return std::nullopt;
  return value;
}

void check_key(std::string_view text, std::string_view key) {
  if (key.empty()) throw malformed(text, "no key before '='");
  if (key.size() > kGgufMaxKeyBytes) throw malformed(text, "the key is too long");
  if (key == "general.alignment" || key.starts_with("split.")) {
    throw malformed(text, "this key follows from how the file is written");
  }
}

template <typename T>
std::optional<Value> if_fits(std::int64_t v) {
  if (!std::in_range<T>(v)) return std::nullopt;
  return Value::scalar(static_cast<T>(v));
}

std::optional<Value> integer_of_type(ValueType type, std::int64_t v) {
  switch (type) {
    case ValueType::kU8:
      return if_fits<std::uint8_t>(v);
    case ValueType::kI8:
      return if_fits<std::int8_t>(v);
    case ValueType::kU16:
      return if_fits<std::uint16_t>(v);
    case ValueType::kI16:
      return if_fits<std::int16_t>(v);
    case ValueType::kU32:
      return if_fits<std::uint32_t>(v);
    case ValueType::kI32:
      return if_fits<std::int32_t>(v);
    case ValueType::kU64:
      return if_fits<std::uint64_t>(v);
    case ValueType::kI64:
      return if_fits<std::int64_t>(v);
    default:
      return std::nullopt;
  }
}

Value integer_value(const Value* old, std::int64_t v) {
  if (old != nullptr) {
    if (const auto same = integer_of_type(old->type(), v)) return *same;
  }
  for (const ValueType type : {ValueType::kU32, ValueType::kI32}) {
    if (const auto value = integer_of_type(type, v)) return *value;
  }
  return Value::scalar(v);
}

Value value_of(const MetadataOverride& override, const Value* old) {
  if (const auto* v = std::get_if<std::int64_t>(&override.value)) return integer_value(old, *v);
  if (const auto* v = std::get_if<double>(&override.value)) {
    if (old != nullptr && old->type() == ValueType::kF64) return Value::scalar(*v);
    return Value::f32(static_cast<float>(*v));
  }
  if (const auto* v = std::get_if<bool>(&override.value)) return Value::boolean(*v);
  return Value::text(std::get<std::string>(override.value));
}

}  // namespace

MetadataOverride parse_metadata_override(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::size_t colon = equals == text.npos ? text.npos : text.find(':', equals);
  if (colon == text.npos) throw malformed(text, "expected KEY=TYPE:VALUE");
  const std::string_view key = text.substr(0, equals);
  const std::string_view type = text.substr(equals + 1, colon - equals - 1);
  const std::string_view value = text.substr(colon + 1);
  check_key(text, key);
  MetadataOverride out{std::string(key), {}};
  if (type == "int") {
    const auto v = number<std::int64_t>(value);
    if (!v) throw malformed(text, "expected a whole number after 'int:'");
    out.value = *v;
  } else if (type == "float") {
    const auto v = number<double>(value);
    if (!v || !(std::fabs(*v) <= std::numeric_limits<float>::max())) {
      throw malformed(text, "expected a number after 'float:'");
    }
    out.value = *v;
  } else if (type == "bool") {
    if (value != "true" && value != "false") {
      throw malformed(text, "expected true or false after 'bool:'");
    }
    out.value = value == "true";
  } else if (type == "str") {
    out.value = std::string(value);
  } else {
    throw malformed(text, "unknown type; there are int, float, bool and str");
  }
  return out;
}

std::string_view override_type_name(const MetadataOverride& override) noexcept {
  static constexpr std::string_view kNames[] = {"int", "float", "bool", "str"};
  return kNames[override.value.index()];
}

void apply_overrides(std::span<const MetadataOverride> overrides, Metadata& metadata) {
  for (const MetadataOverride& override : overrides) {
    metadata.set(override.key, value_of(override, metadata.find(override.key)));
  }
}

}  // namespace lathe
