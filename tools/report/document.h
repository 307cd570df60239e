// What every JSON result of lathe begins with, so that a program knows what it reads and a person
// where it came from. docs/json.md lists the documents; tests compare it with what commands print.
//
//   {"lathe": {"version": "0.1.0", "commit": "1a2b3c4d5e6f", "build": "1f2e3d4c5b6a7988"},
//    "schema": 1, "kind": "eval ppl", ...}
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace lathe {

// Goes up when a name changes its meaning or goes away; new names do not count.
inline constexpr int kResultSchema = 1;

// The header of a document, to which the caller adds its own. `kind`: the command, "eval ppl".
nlohmann::ordered_json result_document(std::string_view kind);

// {"version", "commit", "build"}: which lathe it was.
nlohmann::ordered_json build_json();

// The text of a document, two spaces a level, with a newline at the end; on one line with
// `compact`. Names of files may hold any bytes: those that are no UTF-8 are replaced.
std::string json_text(const nlohmann::ordered_json& document, bool compact = false);

}  // namespace lathe
