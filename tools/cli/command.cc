#include "tools/cli/command.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace lathe {
namespace {

constexpr std::array<std::string_view, 6> kTwoLetterOptions = {"pg",  "ub", "ctk",
                                                               "ctv", "np", "bf"};

bool is_two_letter_option(std::string_view arg) {
  if (arg.size() < 3 || arg[0] != '-' || arg[1] == '-') return false;
  const std::string_view name =
      arg.substr(1, arg.find('=') == arg.npos ? arg.npos : arg.find('=') - 1);
  return std::find(kTwoLetterOptions.begin(), kTwoLetterOptions.end(), name) !=
         kTwoLetterOptions.end();
}

}  // namespace

std::vector<std::string> widen_short_options(std::vector<std::string> args) {
  for (std::string& arg : args) {
    if (arg == "--") break;  // what follows is no option
    if (is_two_letter_option(arg)) arg.insert(0, 1, '-');
  }
  return args;
}

namespace {

std::string check_at_least(std::string_view text, std::string_view digits, const char* wanted) {
  const bool number = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  if (number && text.find_first_of(digits) != text.npos) return {};
  return std::string("expected a number of ") + wanted + " or more, found '" + std::string(text) +
         "'";
}

}  // namespace

std::string one_or_more(const std::string& text) { return check_at_least(text, "123456789", "1"); }
std::string zero_or_more(const std::string& text) {
  return check_at_least(text, "0123456789", "0");
}

}  // namespace lathe
