// Rows of text as a table for people: aligned columns, or Markdown. Columns of numbers are aligned
// to the right.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lathe {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : header_(std::move(header)) {}

  // Missing cells are empty; surplus cells are dropped.
  void add_row(std::vector<std::string> cells);

  std::string aligned() const;  // two spaces between columns, no lines
  // The same; of more than kMostRows rows the middle is left out, with a line that says how many
  // and `how` to see them.
  std::string shortened(const std::string& how) const;
  static constexpr std::size_t kMostRows = 48;
  std::string markdown() const;  // cells padded, so that it reads well as it is; bars escaped

 private:
  struct Column {
    std::size_t width;  // in columns of a terminal, not bytes
    bool numeric;
  };
  std::vector<Column> columns() const;
  std::string escaped_markdown() const;
  // As aligned() has it.
  static std::string line(const std::vector<std::string>& cells, const std::vector<Column>& layout);

  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace lathe
