// Signals as a flag, so that long jobs end tidily: what is done is kept, and nothing half written
// stays behind.
#pragma once

#include <functional>

namespace lathe {

// While one lives, SIGINT (Ctrl-C), SIGTERM and SIGHUP (a terminal that is gone) set the flag.
// Those that were ignored stay so (nohup). Another one changes nothing: the work is ending; Ctrl-C
// says so. SIGQUIT (Ctrl-\) ends at once.
class InterruptGuard {
 public:
  InterruptGuard() noexcept;
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool requested() noexcept;
  // 128 and the number of the signal, as shells expect: 130 for Ctrl-C.
  static int exit_code() noexcept;
};

// Runs work that ends with an Error soon after a signal. Then, and where its output could not be
// written (tools/cli/standard_output.h), `keep` keeps what is done and says how to go on. Returns
// the exit code; Errors that come of neither pass through, and lost output does after `keep`.
int run_interruptible(const std::function<void()>& work, const std::function<void()>& keep = {});

}  // namespace lathe
