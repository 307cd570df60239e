// Results on standard output: the one place that writes there.
//
// What could not be written is an Error (kFailed), so that a result that went nowhere (full disk, a
// reader that is gone) never looks like success. Text waits in a buffer of stdio until
// flush_output(); main() flushes once more at the end. SIGPIPE is ignored for that (main.cc).
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"

namespace lathe {

// The result went nowhere; what was worked out for it can be kept (tools/cli/interrupt.h).
class LostOutput : public Error {
 public:
  explicit LostOutput(const std::string& what) : Error(ErrorKind::kFailed, what) {}
};

// LostOutput with the system's reason.
void put_text(std::string_view text);
void flush_output();

template <typename... T>
void print(fmt::format_string<T...> format, T&&... args) {
  put_text(fmt::format(format, std::forward<T>(args)...));
}

// For messages: results and messages go to one place, and the last line of results has not ended.
// Flushes the results; the line counts as ended from now on. Never throws.
bool end_shared_line() noexcept;

}  // namespace lathe
