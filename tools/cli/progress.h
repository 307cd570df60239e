// One line on stderr that says how far a long job is and when it will be done. Nothing at all when
// stderr is no terminal.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace lathe {

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
  // Takes the line away, so that something else can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  double begin_;
  bool terminal_;
  bool shown_ = false;
  Clock::time_point start_, last_;
};

// "3:07", "1:02:45"
std::string clock_text(double seconds);

}  // namespace lathe
