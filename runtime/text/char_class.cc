#include "runtime/text/char_class.h"

#include <utf8proc.h>

#include <string_view>

namespace lathe {
namespace {

CharClass class_of_category(utf8proc_category_t category) noexcept {
  switch (category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
      return kUpper;
    case UTF8PROC_CATEGORY_LL:
      return kLower;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kOtherLetter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return kMark;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return kNumber;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return kPunctuation;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return kSpace;
    default:
      return 0;
  }
}

}  // namespace

CharClass char_class(char32_t code_point) noexcept {
  if (code_point == '\r' || code_point == '\n') return kSpace | kNewline;
  if ((code_point >= '\t' && code_point <= '\f') || code_point == 0x85) return kSpace;
  constexpr std::string_view kSymbols = "$+<=>^~|";
  if (code_point < 0x80 && kSymbols.find(static_cast<char>(code_point)) != kSymbols.npos) {
    return kPunctuation;
  }
  return class_of_category(utf8proc_category(static_cast<utf8proc_int32_t>(code_point)));
}

}  // namespace lathe
