#include "tools/cli/messages.h"

#include <unistd.h>

#include <cerrno>
#include <string>

namespace lathe {
namespace {

// In one write, so that lines of several processes do not mix.
void write_line(std::string_view before, std::string_view text) {
  std::string line(before);
  line += text;
  line += '\n';
  write_to_stderr(line);
}

}  // namespace

void say(std::string_view text) { write_line("", text); }
void warn(std::string_view text) { write_line("lathe: warning: ", text); }
void complain(std::string_view text) { write_line("lathe: ", text); }

void write_to_stderr(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace lathe
