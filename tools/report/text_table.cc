#include "tools/report/text_table.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "runtime/text/display_width.h"

namespace lathe {
namespace {

bool looks_numeric(std::string_view cell) {
  if (cell.starts_with('-') || cell.starts_with('+')) cell.remove_prefix(1);
  return cell.empty() || (cell[0] >= '0' && cell[0] <= '9');
}

std::string padded(const std::string& cell, std::size_t width, bool right) {
  const std::string fill(width - std::min(width, display_width(cell)), ' ');
  return right ? fill + cell : cell + fill;
}

// A bar ends a cell, and the end of a line the table.
std::string escaped(const std::string& cell) {
  std::string out;
  for (const char c : cell) {
    if (c == '|') out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

std::string without_trailing_spaces(std::string line) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace

void TextTable::add_row(std::vector<std::string> cells) {
  cells.resize(header_.size());
  rows_.push_back(std::move(cells));
}

std::vector<TextTable::Column> TextTable::columns() const {
  std::vector<Column> columns;
  for (std::size_t c = 0; c < header_.size(); ++c) {
    Column column = {display_width(header_[c]), !rows_.empty()};
    for (const auto& row : rows_) {
      column.width = std::max(column.width, display_width(row[c]));
      column.numeric = column.numeric && looks_numeric(row[c]);
    }
    columns.push_back(column);
  }
  return columns;
}

std::string TextTable::line(const std::vector<std::string>& cells,
                            const std::vector<Column>& layout) {
  std::string out;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    if (c > 0) out += "  ";
    out += padded(cells[c], layout[c].width, layout[c].numeric);
  }
  return without_trailing_spaces(std::move(out)) + "\n";
}

std::string TextTable::aligned() const {
  const std::vector<Column> layout = columns();
  std::string out = line(header_, layout);
  for (const auto& row : rows_) out += line(row, layout);
  return out;
}

std::string TextTable::shortened(const std::string& how) const {
  if (rows_.size() <= kMostRows) return aligned();
  const std::vector<Column> layout = columns();
  constexpr std::size_t kBegin = kMostRows * 2 / 3, kEnd = kMostRows - kBegin;
  std::string out = line(header_, layout);
  for (std::size_t r = 0; r < kBegin; ++r) out += line(rows_[r], layout);
  out += "... " + std::to_string(rows_.size() - kMostRows) + " more rows (" + how + ")\n";
  for (std::size_t r = rows_.size() - kEnd; r < rows_.size(); ++r) out += line(rows_[r], layout);
  return out;
}

std::string TextTable::markdown() const {
  TextTable table({});
  for (const std::string& name : header_) table.header_.push_back(escaped(name));
  for (const auto& row : rows_) {
    std::vector<std::string>& cells = table.rows_.emplace_back();
    for (const std::string& cell : row) cells.push_back(escaped(cell));
  }
  return table.escaped_markdown();
}

std::string TextTable::escaped_markdown() const {
  const std::vector<Column> layout = columns();
  std::string out;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    out += "|";
    for (std::size_t c = 0; c < cells.size(); ++c) {
      out += ' ';
      out += padded(cells[c], layout[c].width, layout[c].numeric);
      out += " |";
    }
    out += "\n";
  };
  add_line(header_);
  out += "|";
  for (const Column& column : layout) {
    out += ' ';
    out.append(std::max<std::size_t>(column.width, 2) - 1, '-');
    out += column.numeric ? ": |" : "- |";
  }
  out += "\n";
  for (const auto& row : rows_) add_line(row);
  return out;
}

}  // namespace lathe
