#include "runtime/gguf/value.h"

#include <limits>

namespace lathe {

std::size_t scalar_bytes(ValueType type) noexcept {
  switch (type) {
    case ValueType::kU8:
    case ValueType::kI8:
    case ValueType::kBool:
      return 1;
    case ValueType::kU16:
    case ValueType::kI16:
      return 2;
    case ValueType::kU32:
    case ValueType::kI32:
    case ValueType::kF32:
      return 4;
    case ValueType::kU64:
    case ValueType::kI64:
    case ValueType::kF64:
      return 8;
    case ValueType::kString:
    case ValueType::kArray:
      return 0;
  }
  return 0;
}

std::string_view value_type_name(ValueType type) noexcept {
  static constexpr std::string_view kNames[] = {"u8",  "i8",  "u16",  "i16",    "u32",
                                                "i32", "f32", "bool", "string", "array",
                                                "u64", "i64", "f64"};
  const auto id = static_cast<std::uint32_t>(type);
  return id < std::size(kNames) ? kNames[id] : "unknown";
}

bool is_integer(ValueType type) noexcept {
  return scalar_bytes(type) != 0 && type != ValueType::kF32 && type != ValueType::kF64 &&
         type != ValueType::kBool;
}

Value Value::text(std::string v) {
  Value out(ValueType::kString, ValueType::kString);
  out.text_ = std::move(v);
  return out;
}

Value Value::strings(std::span<const std::string> texts) {
  StringList list;
  for (const std::string& text : texts) list.push_back(text);
  return strings(std::move(list));
}

Value Value::strings(StringList v) {
  Value out(ValueType::kArray, ValueType::kString);
  out.strings_ = std::move(v);
  return out;
}

Value Value::raw_scalar(ValueType type, std::span<const std::byte> bytes) {
  Value out(type, type);
  std::memcpy(&out.bits_, bytes.data(), scalar_bytes(type));
  if (type == ValueType::kBool) out.bits_ = out.bits_ != 0 ? 1 : 0;
  return out;
}

Value Value::raw_array(ValueType element, std::span<const std::byte> bytes) {
  Value out(ValueType::kArray, element);
  out.bytes_.assign(bytes.begin(), bytes.end());
  if (element == ValueType::kBool) {
    for (std::byte& b : out.bytes_) b = b == std::byte{0} ? std::byte{0} : std::byte{1};
  }
  return out;
}

std::size_t Value::size() const noexcept {
  if (!is_array()) return 1;
  return element_ == ValueType::kString ? strings_.size() : bytes_.size() / scalar_bytes(element_);
}

std::optional<std::int64_t> Value::as_int() const noexcept {
  switch (type_) {
    case ValueType::kU8:
      return bits_as<std::uint8_t>();
    case ValueType::kI8:
      return bits_as<std::int8_t>();
    case ValueType::kU16:
      return bits_as<std::uint16_t>();
    case ValueType::kI16:
      return bits_as<std::int16_t>();
    case ValueType::kU32:
      return bits_as<std::uint32_t>();
    case ValueType::kI32:
      return bits_as<std::int32_t>();
    case ValueType::kI64:
      return bits_as<std::int64_t>();
    case ValueType::kU64: {
      if (bits_ > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return std::nullopt;
      }
      return static_cast<std::int64_t>(bits_);
    }
    default:
      return std::nullopt;
  }
}

std::optional<std::uint64_t> Value::as_uint() const noexcept {
  if (type_ == ValueType::kU64) return bits_;
  const std::optional<std::int64_t> v = as_int();
  if (!v || *v < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*v);
}

std::optional<double> Value::as_real() const noexcept {
  if (type_ == ValueType::kF32) return bits_as<float>();
  if (type_ == ValueType::kF64) return bits_as<double>();
  return std::nullopt;
}

std::optional<bool> Value::as_bool() const noexcept {
  if (type_ != ValueType::kBool) return std::nullopt;
  return bits_ != 0;
}

std::optional<std::string_view> Value::as_text() const noexcept {
  if (type_ != ValueType::kString) return std::nullopt;
  return std::string_view(text_);
}

Value Value::element(std::size_t i) const {
  const std::size_t width = scalar_bytes(element_);
  return raw_scalar(element_, std::span(bytes_).subspan(i * width, width));
}

const StringList* Value::as_strings() const noexcept {
  return is_array() && element_ == ValueType::kString ? &strings_ : nullptr;
}

std::span<const std::byte> Value::raw_bytes() const noexcept {
  if (is_array()) return bytes_;
  return std::as_bytes(std::span(&bits_, 1)).first(scalar_bytes(type_));
}

std::string Value::type_text() const {
  if (!is_array()) return std::string(value_type_name(type_));
  return "array of " + std::string(value_type_name(element_));
}

}  // namespace lathe
