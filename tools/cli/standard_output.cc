#include "tools/cli/standard_output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "runtime/base/error.h"
#include "tools/cli/messages.h"
#include "tools/cli/terminal.h"

namespace lathe {
namespace {

// Of the process, as standard output is: the last line of results has not ended.
bool line_is_open = false;

const char* reason(int error) {
  if (error == EPIPE) return "its reader is gone";
  if (error == EBADF) return "it is closed";
  return std::strerror(error);
}

[[noreturn]] void fail() {
  throw LostOutput(
      fmt::format("the result cannot be written to standard output: {}", reason(errno)));
}

}  // namespace

void put_text(std::string_view text) {
  if (text.empty()) return;
  if (is_terminal(STDOUT_FILENO)) hide_live_line();
  errno = 0;
  line_is_open = text.back() != '\n';
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail();
}

void flush_output() {
  errno = 0;
  if (std::fflush(stdout) != 0) fail();
  if (std::ferror(stdout) != 0) throw LostOutput("results could not be written to standard output");
}

bool end_shared_line() noexcept {
  if (!outputs_are_one()) return false;
  (void)std::fflush(stdout);  // what fails here fails again in flush_output()
  const bool was_open = line_is_open;
  line_is_open = false;
  return was_open;
}

}  // namespace lathe
