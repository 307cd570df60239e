// Texts line by line, with the number that a line has in messages.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace lathe {

// "FILE, line 7"
inline std::string line_name(const std::string& file, std::size_t line) {
  return fmt::format("{}, line {}", file, line);
}

inline std::string_view without_bom(std::string_view text) noexcept {
  return text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text;
}

class LineReader {
 public:
  // `text` must outlive the reader.
  explicit LineReader(std::string_view text) : text_(without_bom(text)) {}

  // The next line without its end; false when there is none.
  bool next(std::string_view& line) noexcept {
    if (text_.empty()) return false;
    const std::size_t end = text_.find('\n');
    line = text_.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
    ++number_;
    return true;
  }

  std::size_t number() const noexcept { return number_; }  // of the last line, from 1

 private:
  std::string_view text_;
  std::size_t number_ = 0;
};

}  // namespace lathe
