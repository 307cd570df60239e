// How far a long job is and when it will be done, on standard error: on a terminal one line that
// changes, elsewhere (a batch log) a whole line now and then.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace lathe {

// When a log gets a line: after half a minute, then with each tenth of the work that is done, but
// at least one minute and at most ten after the last. Short jobs leave none.
class LogPace {
 public:
  explicit LogPace(double begin) noexcept : tenth_(tenth_of(begin)) {}
  // `seconds` since the job began, `fraction` of it that is done.
  bool is_due(double seconds, double fraction) noexcept;

 private:
  static int tenth_of(double fraction) noexcept { return static_cast<int>(fraction * 10.0); }

  double last_ = 0.0;  // when the last line came
  bool any_ = false;
  int tenth_;
};

class Progress {
 public:
  // `begin`: the share of the work that was done before, for estimates of the time left.
  explicit Progress(std::string label, double begin = 0.0);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `fraction` of the work that is done, 0 to 1; `detail` what is being worked on. Cheap to call
  // often.
  void update(double fraction, std::string_view detail);
  // Takes the line away. Messages and results do that by themselves.
  void clear() noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  double begin_;
  bool terminal_;
  bool shown_ = false;
  LogPace pace_;
  Clock::time_point start_, last_;
};

// "eval ppl  31 %  1:05  2:24 left  chunk 7 of 20"; `begin` as in Progress.
std::string progress_text(std::string_view label, double begin, double fraction, double seconds,
                          std::string_view detail);

// "3:07", "1:02:45"
std::string clock_text(double seconds);

}  // namespace lathe
