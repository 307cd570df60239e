// Runs the program itself, as a shell or a terminal would: descriptors, pipes, signals.
#pragma once

#include <functional>
#include <string>

namespace lathe::test {

struct ProgramRun {
  int exit_code = 0;  // 128 + the signal that ended it
  std::string out, err;
};

// A command for /bin/sh, in which "$LATHE" is the program and "$MODEL" the packaged small model.
ProgramRun run_shell(const std::string& command);

// The same with a standard output whose reader is gone.
ProgramRun run_without_reader(const std::string& command);

// The same on a terminal of that many columns; `out` is all that it was sent.
ProgramRun run_on_terminal(const std::string& command, unsigned short columns);

// Calls `work` in a process of its own on a terminal; what the terminal was sent.
std::string text_on_terminal(unsigned short columns, const std::function<void()>& work);

}  // namespace lathe::test
