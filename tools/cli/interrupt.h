// Ctrl-C as a flag, so that long jobs end tidily: nothing half written stays behind.
#pragma once

namespace lathe {

// While one lives, SIGINT and SIGTERM set the flag; a second signal ends the process as usual.
class InterruptGuard {
 public:
  InterruptGuard() noexcept;
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool requested() noexcept;
};

// What a shell expects of a program that Ctrl-C ended.
inline constexpr int kInterruptedExitCode = 130;

}  // namespace lathe
