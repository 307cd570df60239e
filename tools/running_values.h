// The output of a long measurement over chunks, as users of this field know it: values as they
// come, "[1]5.1,[2]5.3,", on stdout; how long it will take on stderr if that is a terminal.
#pragma once

#include <cstddef>
#include <string>

#include "tools/progress.h"

namespace lathe {

class RunningValues {
 public:
  // `values`: print them (not where stdout holds JSON).
  RunningValues(std::string label, std::size_t n_chunks, bool values);

  // After chunk `done` (counted from 1) with its value.
  void add(std::size_t done, double value);
  // After a chunk that has no value.
  void step(std::size_t done);
  // Ends the line of values.
  void finish();
  double seconds() const;

 private:
  Progress progress_;
  std::size_t n_chunks_;
  bool values_;
  bool line_is_shared_;  // stdout and stderr are one terminal: no live line between the values
  bool any_ = false;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace lathe
