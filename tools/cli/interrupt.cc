#include "tools/cli/interrupt.h"

#include <signal.h>

#include <cstring>

namespace lathe {
namespace {

volatile sig_atomic_t interrupted = 0;

void note(int signal_number) {
  interrupted = 1;
  signal(signal_number, SIG_DFL);
}

void set_handler(void (*handler)(int)) {
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() noexcept {
  interrupted = 0;
  set_handler(note);
}

InterruptGuard::~InterruptGuard() { set_handler(SIG_DFL); }

bool InterruptGuard::requested() noexcept { return interrupted != 0; }

}  // namespace lathe
