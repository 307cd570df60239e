#include "tools/cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "runtime/base/error.h"
#include "tools/cli/messages.h"
#include "tools/cli/standard_output.h"

namespace lathe {
namespace {

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};
constexpr std::string_view kPatience =
    "\nlathe: stopping, what is done is being kept (Ctrl-\\ ends at once)\n";

// Of the process, as signals are.
volatile sig_atomic_t first_signal = 0;
std::array<struct sigaction, kSignals.size()> before;

void note(int signal_number) {
  if (first_signal == 0) {
    first_signal = signal_number;
  } else if (signal_number == SIGINT) {
    const int error = errno;
    static_cast<void>(!::write(STDERR_FILENO, kPatience.data(), kPatience.size()));
    errno = error;
  }
}

}  // namespace

InterruptGuard::InterruptGuard() noexcept {
  first_signal = 0;
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before[i], nullptr);
}

bool InterruptGuard::requested() noexcept { return first_signal != 0; }
int InterruptGuard::exit_code() noexcept { return 128 + first_signal; }

int run_interruptible(const std::function<void()>& work, const std::function<void()>& keep) {
  const InterruptGuard interrupt;
  try {
    work();
    flush_output();  // while what was worked out can still be kept
    return 0;
  } catch (const LostOutput&) {
    if (keep) keep();
    if (!InterruptGuard::requested()) throw;
  } catch (const Error&) {
    if (!InterruptGuard::requested()) throw;
    complain("interrupted");
    if (keep) keep();
  }
  return InterruptGuard::exit_code();
}

}  // namespace lathe
