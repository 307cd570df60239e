#include "tools/cli/messages.h"

#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <string>

#include "runtime/text/display_width.h"
#include "tools/cli/standard_output.h"
#include "tools/cli/terminal.h"

namespace lathe {
namespace {

// Standard error belongs to the process, so what stands on its last line does too: the one state
// here that is not passed. The lock is for messages from several threads.
struct LiveLine {
  std::mutex mutex;
  bool shown = false;
};

LiveLine& live_line() {
  static LiveLine line;
  return line;
}

constexpr std::string_view kErase = "\r\033[K";

void write_to_stderr(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

// In one write, so that lines of several processes do not mix.
void write_line(std::string_view before, std::string_view text) {
  const bool results_are_open = end_shared_line();
  LiveLine& live = live_line();
  const std::lock_guard lock(live.mutex);
  std::string line(results_are_open ? "\n" : "");
  if (live.shown) line += kErase;
  live.shown = false;
  line += before;
  line += text;
  line += '\n';
  write_to_stderr(line);
}

}  // namespace

void say(std::string_view text) { write_line("", text); }
void warn(std::string_view text) { write_line("lathe: warning: ", text); }
void complain(std::string_view text) { write_line("lathe: ", text); }

Notes notes_on_screen() { return {.on_info = say, .on_warning = warn}; }

void show_live_line(std::string_view text) {
  const std::size_t columns = terminal_columns();
  LiveLine& live = live_line();
  const std::lock_guard lock(live.mutex);
  live.shown = true;
  // One column less: a cursor behind the last one stands on the next line in some terminals.
  write_to_stderr("\r" + fit_to_width(text, columns > 1 ? columns - 1 : 1) + "\033[K");
}

void hide_live_line() noexcept {
  LiveLine& live = live_line();
  const std::lock_guard lock(live.mutex);
  if (live.shown) write_to_stderr(kErase);
  live.shown = false;
}

}  // namespace lathe
