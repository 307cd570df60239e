#include "quant/plan/name_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kMaxPatternBytes = 32U << 10;
constexpr std::uint32_t kMaxNesting = 100;
constexpr std::uint32_t kMaxSteps = 1'000'000;
constexpr std::uint32_t kMaxDepth = 10'000;
constexpr std::uint32_t kMaxHeapKib = 16U << 10;

// What JavaScript means where Perl means something else.
constexpr std::uint32_t kEcmaScript =
    PCRE2_ALT_BSUX | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF | PCRE2_DOLLAR_ENDONLY;
// Text is bytes, whatever the pattern asks for.
constexpr std::uint32_t kBytes = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
using CompileContext =
    std::unique_ptr<pcre2_compile_context_8, Freed<pcre2_compile_context_free_8>>;
using MatchContext = std::unique_ptr<pcre2_match_context_8, Freed<pcre2_match_context_free_8>>;
using MatchData = std::unique_ptr<pcre2_match_data_8, Freed<pcre2_match_data_free_8>>;

std::string error_text(int code) {
  PCRE2_UCHAR8 text[256] = {};
  pcre2_get_error_message_8(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

PCRE2_SPTR8 bytes_of(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR8>(text.empty() ? "" : text.data());
}

void require(bool memory) {
  if (!memory) throw failed("no memory for a pattern");
}

}  // namespace

NamePattern::NamePattern(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    throw usage_error(
        fmt::format("too long: {} bytes, the limit is {}", pattern.size(), kMaxPatternBytes));
  }
  const CompileContext context(pcre2_compile_context_create_8(nullptr));
  require(context != nullptr);
  pcre2_set_parens_nest_limit_8(context.get(), kMaxNesting);
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2_code_8* const code = pcre2_compile_8(bytes_of(pattern), pattern.size(),
                                             kEcmaScript | kBytes, &error, &at, context.get());
  if (code == nullptr) {
    throw usage_error(
        fmt::format("no regular expression: {}, at character {}", error_text(error), at + 1));
  }
  code_ = {code, Freed<pcre2_code_free_8>{}};
}

bool NamePattern::found_in(std::string_view name) const {
  const MatchContext context(pcre2_match_context_create_8(nullptr));
  const MatchData data(pcre2_match_data_create_from_pattern_8(code_.get(), nullptr));
  require(context != nullptr && data != nullptr);
  pcre2_set_match_limit_8(context.get(), kMaxSteps);
  pcre2_set_depth_limit_8(context.get(), kMaxDepth);
  pcre2_set_heap_limit_8(context.get(), kMaxHeapKib);
  const int found =
      pcre2_match_8(code_.get(), bytes_of(name), name.size(), 0, 0, data.get(), context.get());
  if (found >= 0) return true;
  if (found == PCRE2_ERROR_NOMATCH) return false;
  throw usage_error(fmt::format("takes too long to search for ({})", error_text(found)));
}

}  // namespace lathe
