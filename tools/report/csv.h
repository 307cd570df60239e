// Comma-separated values (RFC 4180, lines end with \n): the one writer of them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lathe {

// One line with its end. Cells with commas, quotes or line ends are quoted.
std::string csv_line(std::span<const std::string> cells);

// A value as a cell: texts as they are, null empty, numbers with all their digits.
std::string csv_cell(const nlohmann::ordered_json& value);

// The members of an object as a flat list: nested names joined by dots, lists of texts by "; ";
// other lists are too long for a cell and left out.
using CsvFields = std::vector<std::pair<std::string, std::string>>;
CsvFields csv_fields(const nlohmann::ordered_json& object);

// A line of names and a line for each object. All objects have the same shape.
std::string csv_table(std::span<const CsvFields> rows);

}  // namespace lathe
