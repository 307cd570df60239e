// What lathe says to the person at the terminal: the one place that writes to standard error.
//
// Standard error may be full or closed: that never changes what a command does or its exit code.
// Whole lines only; a progress line that is shown gives way to them (tools/cli/progress.h).
#pragma once

#include <string_view>

namespace lathe {

// "going on after 12 chunks of an earlier run": a line of information.
void say(std::string_view text);
// "lathe: warning: ..."
void warn(std::string_view text);
// "lathe: ...": why a command ends without success, and what can be done.
void complain(std::string_view text);

// Bytes as they are, for progress lines; nothing happens where they cannot be written.
void write_to_stderr(std::string_view bytes) noexcept;

}  // namespace lathe
