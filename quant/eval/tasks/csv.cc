#include "quant/eval/tasks/csv.h"

#include <fmt/format.h>

#include "quant/eval/tasks/text_lines.h"
#include "runtime/base/error.h"

namespace lathe {

CsvReader::CsvReader(std::string_view text, std::string file)
    : text_(without_bom(text)), file_(std::move(file)) {}

std::string CsvReader::where() const { return line_name(file_, record_line_); }

bool CsvReader::skip_line_end() noexcept {
  const std::size_t before = pos_;
  if (!at_end() && text_[pos_] == '\r') ++pos_;
  if (!at_end() && text_[pos_] == '\n') {
    ++pos_;
    ++line_;
    return true;
  }
  if (at_end()) return pos_ > before;
  pos_ = before;  // a lone carriage return is part of a field
  return false;
}

std::string CsvReader::quoted_field() {
  std::string out;
  for (++pos_; !at_end(); ++pos_) {
    if (text_[pos_] == '"') {
      ++pos_;
      if (at_end() || text_[pos_] != '"') return out;
    } else if (text_[pos_] == '\n') {
      ++line_;
    }
    out += text_[pos_];
  }
  throw bad_input(where(), "a quoted field does not end");
}

std::string CsvReader::field() {
  if (!at_end() && text_[pos_] == '"') {
    std::string out = quoted_field();
    if (!at_end() && text_[pos_] != ',' && text_[pos_] != '\r' && text_[pos_] != '\n') {
      throw bad_input(where(), "expected a comma or the end of the line after a quoted field");
    }
    return out;
  }
  const std::size_t begin = pos_;
  while (!at_end() && text_[pos_] != ',' && text_[pos_] != '\n') ++pos_;
  std::size_t end = pos_;
  const bool at_line_end = at_end() || text_[pos_] == '\n';
  if (at_line_end && end > begin && text_[end - 1] == '\r') --end;
  return std::string(text_.substr(begin, end - begin));
}

bool CsvReader::next(std::vector<std::string>& fields) {
  while (skip_line_end()) {
  }
  if (at_end()) return false;
  record_line_ = line_;
  fields.clear();
  for (;;) {
    fields.push_back(field());
    if (at_end() || text_[pos_] != ',') break;
    ++pos_;
  }
  if (!at_end() && !skip_line_end()) {
    throw bad_input(where(), "expected a comma or the end of the line after a quoted field");
  }
  return true;
}

}  // namespace lathe
