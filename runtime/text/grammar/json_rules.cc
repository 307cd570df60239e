#include <fmt/format.h>

#include "runtime/base/quote.h"
#include "runtime/text/grammar/schema.h"

namespace lathe::grammar {
namespace {

// White space is bounded, so that a model cannot lose itself in it. \u is never half of a
// character. Dates are those that each year has, so that readers who look at the calendar agree.
constexpr std::string_view kRules = R"gbnf(
ws ::= (" " | "\n" [ \t]{0,20})?
json-value ::= json-object | json-array | json-string | json-number | json-boolean | json-null
json-object ::= "{" ws (json-member ("," ws json-member)* ws)? "}"
json-member ::= json-string ":" ws json-value
json-array ::= "[" ws (json-value ("," ws json-value)* ws)? "]"
json-string ::= "\"" json-char* "\""
json-char ::= [^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" ([0-9A-CEFa-cef] json-hex | [Dd] [0-7]) json-hex{2})
json-hex ::= [0-9A-Fa-f]
json-number ::= "-"? ("0" | [1-9] [0-9]{0,17}) ("." [0-9]{1,15})? ([eE] [+-]? [0-9]{1,2})?
json-integer ::= "0" | "-"? [1-9] [0-9]{0,17}
json-boolean ::= "true" | "false"
json-null ::= "null"
format-date ::= [1-9] [0-9]{3} "-" format-day
format-day ::= ("0" [13578] | "1" [02]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])
  | ("0" [469] | "11") "-" ("0" [1-9] | [12] [0-9] | "30")
  | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8])
format-time ::= format-hour ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? ("Z" | [+-] ("0" [0-9] | "1" [0-2]) ":" [0-5] [0-9])
format-hour ::= [01] [0-9] | "2" [0-3]
format-date-time ::= format-date "T" format-time
format-uuid ::= json-hex{8} "-" json-hex{4} "-" json-hex{4} "-" json-hex{4} "-" json-hex{12}
format-ipv4 ::= format-octet ("." format-octet){3}
format-octet ::= [0-9] | [1-9] [0-9] | "1" [0-9]{2} | "2" [0-4] [0-9] | "25" [0-5]
format-ipv6 ::= json-hex{1,4} (":" json-hex{1,4}){7}
format-uri ::= "http" "s"? "://" format-hostname ("/" [A-Za-z0-9._~-]{0,32}){0,8}
format-hostname ::= format-label ("." format-label){0,4}
format-label ::= [a-z0-9] ([a-z0-9-]{0,30} [a-z0-9])?
format-duration ::= "P" (format-count "W" | format-days format-clock? | format-clock)
format-days ::= format-count ("Y" (format-count "M")? (format-count "D")? | "M" (format-count "D")? | "D")
format-clock ::= "T" format-count ("H" (format-count "M")? (format-count "S")? | "M" (format-count "S")? | "S")
format-count ::= "0" | [1-9] [0-9]{0,3}
format-email ::= [A-Za-z0-9_+-]{1,32} ("." [A-Za-z0-9_+-]{1,32}){0,3} "@" format-label ("." format-label){1,4}
)gbnf";

// With the lengths that their rules make.
constexpr struct {
  std::string_view name;
  std::size_t shortest, longest;
} kFormats[] = {{"date", 10, 10},  {"time", 9, 21}, {"date-time", 20, 32}, {"duration", 3, 32},
                {"uuid", 36, 36},  {"ipv4", 7, 15}, {"ipv6", 15, 39},      {"hostname", 1, 164},
                {"email", 5, 296}, {"uri", 8, 436}};

}  // namespace

std::string_view json_rules() { return kRules; }

std::string format_expression(const std::string& format, const TextLengths& lengths,
                              const SchemaPath& path) {
  std::string known;
  for (const auto& [name, shortest, longest] : kFormats) {
    if (name == format) {
      if (lengths.least <= shortest && lengths.most.value_or(longest) >= longest) {
        return "format-" + format;
      }
      path.fail(fmt::format(
          "beside it lengths are supported that all its texts have: {} characters at least, {} at "
          "most",
          shortest, longest));
    }
    known += known.empty() ? "" : ", ";
    known += name;
  }
  path.fail(
      fmt::format("the format {} is not supported, expected one of {}", quoted(format), known));
}

}  // namespace lathe::grammar
