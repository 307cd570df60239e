// Records of comma-separated values (RFC 4180): quoted fields may hold commas, line ends and
// doubled quotes. A byte order mark before the first record is skipped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

class CsvReader {
 public:
  // `text` must outlive the reader; `file` names it in messages.
  CsvReader(std::string_view text, std::string file);

  // The next record that is not an empty line; false at the end. Error (kBadInput) naming the line:
  // a quoted field that does not end, or with something between its end and the next comma.
  bool next(std::vector<std::string>& fields);

  // "FILE, line 7": where the last record began.
  std::string where() const;

 private:
  bool at_end() const noexcept { return pos_ == text_.size(); }
  bool skip_line_end() noexcept;
  std::string field();
  std::string quoted_field();

  std::string_view text_;
  std::string file_;
  std::size_t pos_ = 0;
  std::size_t line_ = 1, record_line_ = 1;
};

}  // namespace lathe
