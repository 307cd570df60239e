// The output of a long measurement over chunks, as users of this field know it: values as they
// come, "[1]5.1,[2]5.3,", on stdout; how far it is and how long it will take on stderr. Where both
// are one terminal, values are held back until they fill a line, and the last one stands in the
// live line; where both are one file, the values alone say how far it is.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "tools/cli/progress.h"

namespace lathe {

class RunningValues {
 public:
  // `values`: print them (not where stdout holds JSON).
  RunningValues(std::string label, std::size_t n_chunks, bool values);

  // The value of chunk `done` (counted from 1).
  void add(std::size_t done, double value);
  // How far the work is, and what is being done (empty: chunks one after another).
  void update(double fraction, std::string_view step);
  // Ends the line of values.
  void finish();
  double seconds() const;

 private:
  void print_pending();
  void end_line();

  Progress progress_;
  std::size_t n_chunks_;
  bool values_;
  bool line_is_shared_;           // stdout and stderr are one terminal
  bool values_are_the_progress_;  // they are one file
  std::string pending_;           // values that are not printed yet
  std::string last_;              // value
  bool line_open_ = false;        // values stand on a line that has not ended
  std::chrono::steady_clock::time_point start_;
};

}  // namespace lathe
