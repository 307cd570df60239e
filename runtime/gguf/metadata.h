// The metadata of a GGUF file: keys in file order, each with one value.
//
// Reading is liberal (an integer is accepted in any integer type that holds it), but never silent:
// a key that is there with another kind of value is an Error (kBadInput) that names the file, the
// key, what was expected and what was found. An absent key is std::nullopt, or an Error with
// require_*. Arrays are never converted: an array of u8 read as i32 is an error.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/gguf/value.h"

namespace lathe {

struct MetadataEntry {
  std::string key;
  Value value;
};

class Metadata {
 public:
  // `origin` names the file in messages.
  explicit Metadata(std::string origin = {}) : origin_(std::move(origin)) {}
  const std::string& origin() const noexcept { return origin_; }

  const Value* find(std::string_view key) const noexcept;  // nullptr when absent
  bool has(std::string_view key) const noexcept { return find(key) != nullptr; }
  std::size_t size() const noexcept { return entries_.size(); }
  auto begin() const noexcept { return entries_.begin(); }
  auto end() const noexcept { return entries_.end(); }

  // Replaces the value in its place, or appends.
  void set(std::string_view key, Value value);
  bool erase(std::string_view key);  // false when it was not there

  std::optional<std::uint64_t> uint(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> real(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string_view> text(std::string_view key) const;

  std::uint64_t require_uint(std::string_view key, std::uint64_t min = 0,
                             std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) const;
  double require_real(std::string_view key) const;
  std::string_view require_text(std::string_view key) const;

  // One integer, or one per layer: a scalar gives one element; arrays of any integer type or of
  // bool (0, 1) all of theirs. The caller checks the length.
  std::optional<std::vector<std::uint64_t>> uint_list(std::string_view key) const;

  // Views into the metadata; the element type must be exactly this one.
  std::optional<std::span<const float>> f32_array(std::string_view key) const {
    return typed_array<float>(key);
  }
  std::optional<std::span<const std::int32_t>> i32_array(std::string_view key) const {
    return typed_array<std::int32_t>(key);
  }
  std::optional<std::span<const std::uint32_t>> u32_array(std::string_view key) const {
    return typed_array<std::uint32_t>(key);
  }
  const StringList* string_array(std::string_view key) const;  // nullptr when absent

  // Throws the Error for a value that is not what the caller can use.
  [[noreturn]] void fail(std::string_view key, std::string_view problem) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept {
      return std::hash<std::string_view>{}(s);
    }
  };

  template <typename T>
  std::optional<std::span<const T>> typed_array(std::string_view key) const {
    const Value* value = find(key);
    if (value == nullptr) return std::nullopt;
    const auto span = value->as_array<T>();
    if (!span) fail_array(key, *value, value_type_of<T>());
    return span;
  }
  [[noreturn]] void fail_type(std::string_view key, const Value& value,
                              std::string_view expected) const;
  [[noreturn]] void fail_array(std::string_view key, const Value& value, ValueType element) const;
  [[noreturn]] void fail_missing(std::string_view key, std::string_view expected) const;

  std::string origin_;
  std::vector<MetadataEntry> entries_;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> index_;
};

}  // namespace lathe
