#include "tools/cli/progress.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "tools/cli/messages.h"
#include "tools/cli/terminal.h"

namespace lathe {
namespace {

constexpr double kDelay = 0.3;             // seconds before a line appears: no flicker
constexpr double kInterval = 0.1;          // seconds between two states of the line
constexpr double kMinForEstimate = 0.005;  // of the work

constexpr double kFirstLogLine = 30.0;  // seconds
constexpr double kLeastLogGap = 60.0;
constexpr double kMostLogGap = 600.0;

double seconds_between(std::chrono::steady_clock::time_point a,
                       std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

}  // namespace

std::string clock_text(double seconds) {
  const auto s = static_cast<std::uint64_t>(std::clamp(seconds, 0.0, 1e9) + 0.5);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string progress_text(std::string_view label, double begin, double fraction, double seconds,
                          std::string_view detail) {
  std::string line = fmt::format("{} {:3.0f} %  {}", label, 100.0 * fraction, clock_text(seconds));
  if (fraction - begin >= kMinForEstimate) {
    line += fmt::format("  {} left", clock_text(seconds * (1.0 - fraction) / (fraction - begin)));
  }
  if (!detail.empty()) line += fmt::format("  {}", detail);
  return line;
}

bool LogPace::is_due(double seconds, double fraction) noexcept {
  const double gap = seconds - last_;
  const int tenth = tenth_of(fraction);
  const bool due =
      any_ ? gap >= kMostLogGap || (gap >= kLeastLogGap && tenth > tenth_) : gap >= kFirstLogLine;
  if (!due) return false;
  any_ = true;
  last_ = seconds;
  tenth_ = tenth;
  return true;
}

Progress::Progress(std::string label, double begin)
    : label_(std::move(label)),
      begin_(begin),
      terminal_(is_watched()),
      pace_(begin),
      start_(Clock::now()),
      last_(start_) {}

void Progress::update(double fraction, std::string_view detail) {
  const auto now = Clock::now();
  const double elapsed = seconds_between(start_, now);
  const auto text = [&] { return progress_text(label_, begin_, fraction, elapsed, detail); };
  if (!terminal_) {
    if (pace_.is_due(elapsed, fraction)) say(text());
    return;
  }
  if (elapsed < kDelay || (shown_ && seconds_between(last_, now) < kInterval)) return;
  last_ = now;
  shown_ = true;
  show_live_line(text());
}

void Progress::clear() noexcept {
  if (shown_) hide_live_line();
  shown_ = false;
}

}  // namespace lathe
