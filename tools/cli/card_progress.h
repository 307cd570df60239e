// How far a run of several measures is, as one line for all of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "tools/cli/progress.h"

namespace lathe {

class CardProgress {
 public:
  // Before the first begin(): the work of a measure that is to come. `n_tokens` in all, of which an
  // earlier run has done the share `done`.
  void expect(std::size_t n_tokens, double done) noexcept;

  void begin(const std::string& measure, std::size_t n_tokens, double done);
  // The share of the measure that is done, by an earlier run too.
  void update(double fraction, std::string_view step);
  // Says on stderr what it was: "ARC: 750 tasks in 3.2 s".
  void end(std::string_view amount);
  void clear() { progress_.clear(); }

 private:
  Progress progress_{"eval"};
  std::string measure_;
  double n_left_ = 0.0;                     // tokens that this run has to do, or had
  double n_done_ = 0.0;                     // of them, by the measures before this one
  double n_now_ = 0.0, done_before_ = 0.0;  // of this measure: all tokens; share of an earlier run
  std::chrono::steady_clock::time_point start_;
};

}  // namespace lathe
