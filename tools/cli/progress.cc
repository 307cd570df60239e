#include "tools/cli/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace lathe {
namespace {

constexpr double kInterval = 0.1;          // seconds between two lines
constexpr double kMinForEstimate = 0.005;  // of the work

double seconds_between(std::chrono::steady_clock::time_point a,
                       std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

}  // namespace

std::string clock_text(double seconds) {
  const auto s = static_cast<std::uint64_t>(std::max(seconds, 0.0) + 0.5);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

Progress::Progress(std::string label, double begin)
    : label_(std::move(label)),
      begin_(begin),
      terminal_(::isatty(STDERR_FILENO) != 0),
      start_(Clock::now()) {}

void Progress::update(double fraction, std::string_view detail) {
  if (!terminal_) return;
  const auto now = Clock::now();
  if (shown_ && seconds_between(last_, now) < kInterval) return;
  last_ = now;
  shown_ = true;
  const double elapsed = seconds_between(start_, now);
  std::string line = fmt::format("{} {:3.0f} %  {}", label_, 100.0 * fraction, clock_text(elapsed));
  if (fraction - begin_ >= kMinForEstimate) {
    line += fmt::format("  {} left", clock_text(elapsed * (1.0 - fraction) / (fraction - begin_)));
  }
  if (!detail.empty()) line += fmt::format("  {}", detail);
  fmt::print(stderr, "\r{}\033[K", line);
  std::fflush(stderr);
}

void Progress::clear() {
  if (!shown_) return;
  shown_ = false;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
}

}  // namespace lathe
