// The tables that cards of this field carry, as data: the card and the report show the same.
//
// Definitions are those of published cards (reference/evaluation.md §13): GB of 10^9 bytes, bits
// per weight of the tensors, scores by the field's common program, errors of one standard error.
#pragma once

#include <string>
#include <vector>

#include "tools/jobs/release/results.h"

namespace lathe {

struct ReportCell {
  std::string value;
  std::string error{};  // of the value, one standard error; may be empty
  std::string mark{};   // kBetter, ...; may be empty
};

struct ReportRow {
  ReleaseRole role = ReleaseRole::kVariant;
  std::vector<ReportCell> cells;
};

struct ReportTable {
  std::string title;
  std::vector<std::string> header;
  std::vector<ReportRow> rows;
  std::vector<std::string> notes;  // below it, a sentence or two each
};

// Of a variant beside the plain file of its size, and beside the source; beyond noise or not.
inline constexpr const char* kBetter = "▲";
inline constexpr const char* kWorse = "▼";
inline constexpr const char* kNoise = "~";
inline constexpr const char* kDiffers = "†";

ReportTable size_table(const ReleaseResults& results);
ReportTable text_table(const ReleaseResults& results, std::size_t text);
ReportTable test_table(const ReleaseResults& results);
ReportTable speed_table(const ReleaseResults& results);
ReportTable method_table(const ReleaseResults& results);  // how each file was made
ReportTable hash_table(const ReleaseResults& results);

// How marks come about, and how near the sizes of plain files are: a sentence or two.
std::string comparison_words(const ReleaseResults& results);

// Those that there is something for, in this order: sizes, each text, tests, speed.
std::vector<ReportTable> measured_tables(const ReleaseResults& results);

// The source, then each variant with the plain file of its size behind it, each once.
std::vector<const ReleaseModel*> shown_models(const ReleaseResults& results);

std::string gigabytes(std::uint64_t bytes);   // "4.921"; of less than 0.1 GB "0.00370"
std::string fixed(double value, int digits);  // "-" for what is no number

}  // namespace lathe
