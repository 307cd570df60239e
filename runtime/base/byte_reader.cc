#include "runtime/base/byte_reader.h"

#include <fmt/format.h>

#include "runtime/base/error.h"

namespace lathe {

void ByteReader::check_count(std::uint64_t n, std::uint64_t min_bytes, std::uint64_t max_count,
                             std::string_view what) const {
  if (n > max_count) {
    fail(fmt::format("the number of {} is {}, at most {} are accepted", what, n, max_count));
  }
  if (n > remaining() / min_bytes) {
    fail(
        fmt::format("the number of {} is {}, each takes {} or more bytes, but only {} bytes remain",
                    what, n, min_bytes, remaining()));
  }
}

void ByteReader::fail_at(std::size_t offset, const std::string& what) const {
  const std::string place = context_.empty() ? "" : context_ + ": ";
  throw bad_input(where_, fmt::format("at byte {}: {}{}", offset, place, what));
}

void ByteReader::fail_truncated(std::uint64_t n, std::string_view what) const {
  fail(fmt::format("the file ends inside the {}: {} bytes are needed, {} remain", what, n,
                   remaining()));
}

void ByteReader::fail_string(std::size_t start, std::uint64_t n, std::uint64_t max_bytes,
                             std::string_view what) const {
  if (n > remaining()) {
    fail_at(start, fmt::format("the {} has a length of {} bytes, but only {} bytes remain", what, n,
                               remaining()));
  }
  fail_at(start, fmt::format("the {} has a length of {} bytes, at most {} are accepted", what, n,
                             max_bytes));
}

}  // namespace lathe
