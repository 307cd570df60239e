// Rows of `lathe bench` on standard output, one by one as they are ready, and nothing but them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tools/jobs/bench.h"

namespace lathe {

enum class BenchFormat { kMarkdown, kCsv, kJson, kJsonl, kSql };

// "md", "csv", "json", "jsonl", "sql"; Error (kUsage) for anything else.
BenchFormat bench_format_from_name(std::string_view name);

// Text to print before all rows (Markdown: what was measured where, and the head of the table), for
// a row (`first`: none came before it), and after all rows. Arrays (the samples) are left out of
// CSV and SQL, which have no such values.
std::string bench_header(BenchFormat format, const BenchMachine& machine,
                         const std::vector<std::string>& models);
std::string bench_line(BenchFormat format, const nlohmann::ordered_json& row, bool first);
std::string bench_footer(BenchFormat format, bool any);

}  // namespace lathe
