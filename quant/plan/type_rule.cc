#include "quant/plan/type_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "quant/plan/recipe.h"
#include "runtime/base/ascii.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";

[[noreturn]] void malformed(std::string_view label, const std::string& problem) {
  throw usage_error(fmt::format("{}: {}", printable(label), problem));
}

Format rule_format(std::string_view label, std::string_view name) {
  Format format;
  if (format_from_name(name, &format)) return format;
  const bool recipe = find_recipe(name) != nullptr;
  malformed(label, fmt::format("{} is {}; types are: {}", quoted(name),
                               recipe ? "a recipe, no type of a tensor" : "no type of a tensor",
                               all_format_names()));
}

std::size_t line_of(std::string_view text, std::size_t position) {
  return 1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + position, '\n'));
}

}  // namespace

bool TypeRule::matches(const std::string& tensor) const {
  try {
    return pattern.found_in(tensor);
  } catch (const Error& error) {
    malformed(label, fmt::format("in {}, the pattern {}", printable(tensor), error.what()));
  }
}

TypeRule parse_type_rule(std::string_view text, std::string_view where) {
  const std::string label = fmt::format("{} {}", where, printable(text));
  const std::size_t equals = text.find('=');
  if (equals == text.npos) malformed(label, "expected PATTERN=TYPE");
  if (equals == 0) malformed(label, "no pattern before '='");
  const Format format = rule_format(label, text.substr(equals + 1));
  try {
    return {label, NamePattern(lowercase(text.substr(0, equals))), format};
  } catch (const Error& error) {
    malformed(label, fmt::format("the pattern is {}", error.what()));
  }
}

std::vector<TypeRule> parse_type_rules(std::string_view text, const std::string& where) {
  std::vector<TypeRule> rules;
  std::size_t begin = 0;
  while ((begin = text.find_first_not_of(kSpace, begin)) != text.npos) {
    const bool comment = text[begin] == '#';
    const std::size_t end =
        std::min(comment ? text.find('\n', begin) : text.find_first_of(kSpace, begin), text.size());
    if (!comment) {
      const std::string place = fmt::format("{}:{}", where, line_of(text, begin));
      try {
        rules.push_back(parse_type_rule(text.substr(begin, end - begin), place));
      } catch (const Error& error) {
        throw bad_input({}, error.what());  // the file's fault, not the command line's
      }
    }
    begin = end;
  }
  return rules;
}

std::vector<TypeRule> read_type_rules(const std::string& path) {
  const MappedFile file(path);
  return parse_type_rules({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()},
                          path);
}

std::string all_format_names() { return format_names_for_row(0); }

std::string format_names_for_row(std::uint64_t n_cols) {
  std::string names;
  for (const FormatInfo& info : kFormatInfo) {
    if (n_cols % info.block_elems != 0) continue;
    names += fmt::format("{}{}", names.empty() ? "" : " ", info.name);
  }
  return names;
}

}  // namespace lathe
