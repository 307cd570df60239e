// One metadata value of a GGUF file: a typed scalar, a text, or an array of either.
//
// A value knows its exact type, because writers must give back what they read; readers are liberal
// through the as_* functions. Numbers are kept as the file's own little-endian bytes.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lathe {

// The numbers are those of the file format.
enum class ValueType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

// Bytes of a number or bool; 0 for string, array and numbers that are no type.
std::size_t scalar_bytes(ValueType type) noexcept;
std::string_view value_type_name(ValueType type) noexcept;  // "u8", "string", ...
bool is_integer(ValueType type) noexcept;                   // u8 i8 u16 i16 u32 i32 u64 i64

template <typename T>
constexpr ValueType value_type_of() noexcept {
  if constexpr (std::is_same_v<T, std::uint8_t>)
    return ValueType::kU8;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return ValueType::kI8;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return ValueType::kU16;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return ValueType::kI16;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return ValueType::kU32;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return ValueType::kI32;
  else if constexpr (std::is_same_v<T, float>)
    return ValueType::kF32;
  else if constexpr (std::is_same_v<T, bool>)
    return ValueType::kBool;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return ValueType::kU64;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return ValueType::kI64;
  else {
    static_assert(std::is_same_v<T, double>, "not a number type of GGUF files");
    return ValueType::kF64;
  }
}

// Many strings in one block of memory: a vocabulary costs two allocations, not one per token.
class StringList {
 public:
  void reserve(std::size_t n_strings, std::size_t n_bytes) {
    ends_.reserve(n_strings);
    bytes_.reserve(n_bytes);
  }
  void push_back(std::string_view text) {
    bytes_.append(text);
    ends_.push_back(bytes_.size());
  }
  std::size_t size() const noexcept { return ends_.size(); }
  bool empty() const noexcept { return ends_.empty(); }
  // Valid while the list is neither changed nor moved.
  std::string_view operator[](std::size_t i) const noexcept {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {bytes_.data() + begin, ends_[i] - begin};
  }

  class Iterator {
   public:
    Iterator(const StringList* list, std::size_t i) noexcept : list_(list), i_(i) {}
    std::string_view operator*() const noexcept { return (*list_)[i_]; }
    Iterator& operator++() noexcept {
      ++i_;
      return *this;
    }
    bool operator==(const Iterator& other) const noexcept { return i_ == other.i_; }

   private:
    const StringList* list_;
    std::size_t i_;
  };
  Iterator begin() const noexcept { return {this, 0}; }
  Iterator end() const noexcept { return {this, size()}; }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

class Value {
 public:
  static Value u16(std::uint16_t v) { return scalar(v); }
  static Value u32(std::uint32_t v) { return scalar(v); }
  static Value i32(std::int32_t v) { return scalar(v); }
  static Value u64(std::uint64_t v) { return scalar(v); }
  static Value f32(float v) { return scalar(v); }
  static Value boolean(bool v) { return scalar(v); }
  static Value text(std::string v);
  static Value strings(StringList v);
  static Value strings(std::span<const std::string> texts);
  template <typename T>
  static Value scalar(T v) {
    return raw_scalar(value_type_of<T>(), std::as_bytes(std::span<const T, 1>(&v, 1)));
  }
  template <typename T>
  static Value array(std::span<const T> v) {
    return raw_array(value_type_of<T>(), std::as_bytes(v));
  }
  // From a file's bytes, whose length the caller has checked. Bools become 0 or 1.
  static Value raw_scalar(ValueType type, std::span<const std::byte> bytes);
  static Value raw_array(ValueType element, std::span<const std::byte> bytes);

  ValueType type() const noexcept { return type_; }
  bool is_array() const noexcept { return type_ == ValueType::kArray; }
  // Of an array; the type itself otherwise.
  ValueType element_type() const noexcept { return element_; }
  // Elements of an array; 1 otherwise.
  std::size_t size() const noexcept;

  // Scalars: nothing when the value is of another kind, or an integer out of range.
  std::optional<std::uint64_t> as_uint() const noexcept;
  std::optional<std::int64_t> as_int() const noexcept;
  std::optional<double> as_real() const noexcept;  // f32 and f64
  std::optional<bool> as_bool() const noexcept;
  std::optional<std::string_view> as_text() const noexcept;

  // Element i of an array of numbers or bools, as a scalar (any integer type, liberal).
  Value element(std::size_t i) const;

  // Arrays with exactly this element type; nothing otherwise. Views into this value.
  template <typename T>
  std::optional<std::span<const T>> as_array() const noexcept {
    if (!is_array() || element_ != value_type_of<T>()) return std::nullopt;
    return std::span<const T>(reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T));
  }
  const StringList* as_strings() const noexcept;

  // The number's or array's bytes as they stand in a file; empty for texts and lists of texts.
  std::span<const std::byte> raw_bytes() const noexcept;

  // "u32", "array of f32": for messages.
  std::string type_text() const;

 private:
  Value(ValueType type, ValueType element) noexcept : type_(type), element_(element) {}
  template <typename T>
  T bits_as() const noexcept {
    T v;
    std::memcpy(&v, &bits_, sizeof(T));
    return v;
  }

  ValueType type_;
  ValueType element_;
  std::uint64_t bits_ = 0;        // a scalar, in its first bytes
  std::string text_;              // a text
  std::vector<std::byte> bytes_;  // an array of numbers
  StringList strings_;            // an array of texts
};

}  // namespace lathe
