// PATTERN=TYPE: the type of every tensor whose name the pattern matches.
//
// What people of this field type already means the same here: the text is split at its first '=',
// the pattern becomes lower case and is searched anywhere in the whole name ("blk.3.attn_v.weight")
// as an ECMAScript expression (quant/plan/name_pattern.h); types in any case.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/formats/format.h"
#include "quant/plan/name_pattern.h"

namespace lathe {

struct TypeRule {
  std::string label;  // where it was given, and as what: "--tensor-type attn_v=q6_k"
  NamePattern pattern;
  Format format = Format::F32;

  // Error (kUsage) naming the rule when the search takes too long.
  bool matches(const std::string& tensor) const;
};

// `where` is the option, or file and line. Error (kUsage) naming the rule for a missing '=', an
// empty or wrong pattern, an unknown type.
TypeRule parse_type_rule(std::string_view text, std::string_view where);

// Rules between white space; a '#' at the start of a word begins a comment. Error (kBadInput) that
// names file and line, also when the file cannot be read.
std::vector<TypeRule> read_type_rules(const std::string& path);
std::vector<TypeRule> parse_type_rules(std::string_view text, const std::string& where);

// All names of types, for messages: "f32 f16 bf16 ...".
std::string all_format_names();
// The same of those whose blocks divide rows of n_cols.
std::string format_names_for_row(std::uint64_t n_cols);

}  // namespace lathe
