// Runs the program itself, as a shell or a terminal would: descriptors, pipes, signals.
#pragma once

#include <sys/types.h>

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace lathe::test {

struct ProgramRun {
  int exit_code = 0;  // 128 + the signal that ended it
  std::string out, err;
};

// A command for /bin/sh, in which "$LATHE" is the program and "$MODEL" the packaged small model.
ProgramRun run_shell(const std::string& command);

// The same with a standard output whose reader is gone.
ProgramRun run_without_reader(const std::string& command);

// Whether there are pseudo-terminals: a bare chroot has none.
bool has_terminals();

// Calls `work` in a process of its own on a terminal; what the terminal was sent.
std::string text_on_terminal(unsigned short columns, const std::function<void()>& work);

// The program in the current folder, while it runs. Its output goes to "stdout" and "stderr" there.
class RunningProgram {
 public:
  explicit RunningProgram(const std::vector<std::string>& args);

  // Waits until `ready`, a minute at most, sends the signals, and waits for the end: the exit code,
  // or minus the signal that ended it.
  int signal_when(const std::function<bool()>& ready, std::initializer_list<int> signals);

 private:
  pid_t pid_;
};

}  // namespace lathe::test
