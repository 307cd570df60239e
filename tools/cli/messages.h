// What lathe says to the person at the terminal: the one place that writes to standard error.
//
// Standard error may be full or closed: that never changes what a command does or its exit code.
// Messages are whole lines: a live line (tools/cli/progress.h) is taken away before them, and
// results that stand on a line that has not ended are ended first.
#pragma once

#include <string_view>

#include "runtime/base/notes.h"

namespace lathe {

// "going on after 12 chunks of an earlier run": a line of information.
void say(std::string_view text);
// "lathe: warning: ..."
void warn(std::string_view text);
// "lathe: ...": why a command ends without success, and what can be done.
void complain(std::string_view text);

// say() and warn() for what takes Notes.
Notes notes_on_screen();

// The line at the bottom of a terminal that changes while work goes on: at most one, cut to the
// width of the terminal. For Progress; everybody else's output takes it away by itself.
void show_live_line(std::string_view text);
void hide_live_line() noexcept;

}  // namespace lathe
