// A bounded little-endian reader over bytes that are not trusted: files of any kind.
//
// Nothing is read before the length was compared with what remains, and no length is ever added to
// a position before that comparison, so nothing can wrap. Every error is kBadInput and says the
// file, the byte offset, the part that was being read, and what was expected.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace lathe {

static_assert(std::endian::native == std::endian::little, "files are read and written in place");

class ByteReader {
 public:
  // `bytes` must outlive the reader; `where` names the file in messages.
  ByteReader(std::span<const std::uint8_t> bytes, std::string where)
      : bytes_(bytes), where_(std::move(where)) {}

  std::size_t offset() const noexcept { return offset_; }
  std::size_t remaining() const noexcept { return bytes_.size() - offset_; }
  std::size_t size() const noexcept { return bytes_.size(); }
  const std::string& where() const noexcept { return where_; }

  // What the following fields belong to ("key 'general.name'"); shown in messages, may be empty.
  void set_context(std::string context) { context_ = std::move(context); }

  // The next `n` bytes, not copied. `what` names the field.
  std::span<const std::uint8_t> take(std::uint64_t n, std::string_view what) {
    if (n > remaining()) fail_truncated(n, what);
    const auto out = bytes_.subspan(offset_, static_cast<std::size_t>(n));
    offset_ += static_cast<std::size_t>(n);
    return out;
  }

  template <typename T>
  T read(std::string_view what) {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  // u64 length, then that many bytes. The view points into the file.
  std::string_view read_string(std::string_view what, std::uint64_t max_bytes) {
    const std::size_t start = offset_;
    const auto n = read<std::uint64_t>(what);
    if (n > max_bytes || n > remaining()) fail_string(start, n, max_bytes, what);
    const auto text = take(n, what);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }

  // A count of things of at least `min_bytes` each: checked against what remains and a cap, so that
  // a small file cannot ask for a large allocation.
  void check_count(std::uint64_t n, std::uint64_t min_bytes, std::uint64_t max_count,
                   std::string_view what) const;

  // Error (kBadInput) at the current offset, or at another.
  [[noreturn]] void fail(const std::string& what) const { fail_at(offset_, what); }
  [[noreturn]] void fail_at(std::size_t offset, const std::string& what) const;

 private:
  [[noreturn]] void fail_truncated(std::uint64_t n, std::string_view what) const;
  [[noreturn]] void fail_string(std::size_t start, std::uint64_t n, std::uint64_t max_bytes,
                                std::string_view what) const;

  std::span<const std::uint8_t> bytes_;
  std::size_t offset_ = 0;
  std::string where_;
  std::string context_;
};

}  // namespace lathe
