#include "tools/running_values.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace lathe {

RunningValues::RunningValues(std::string label, std::size_t n_chunks, bool values)
    : progress_(std::move(label)),
      n_chunks_(n_chunks),
      values_(values),
      line_is_shared_(values && ::isatty(STDOUT_FILENO) != 0),
      start_(std::chrono::steady_clock::now()) {}

double RunningValues::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void RunningValues::add(std::size_t done, double value) {
  if (!values_) return;
  progress_.clear();
  if (line_is_shared_ && !any_ && ::isatty(STDERR_FILENO) != 0) {
    fmt::print(stderr, "{:.2f} seconds per chunk, {} in all\n",
               seconds() / static_cast<double>(done),
               clock_text(seconds() / static_cast<double>(done) * static_cast<double>(n_chunks_)));
  }
  fmt::print("[{}]{:.4f},", done, value);
  std::fflush(stdout);
  any_ = line_open_ = true;
}

void RunningValues::update(double fraction, std::string_view step) {
  if (line_is_shared_) {
    if (step.empty()) return;  // values come one by one and say enough
    end_line();
  }
  const auto n = static_cast<std::size_t>(fraction * static_cast<double>(n_chunks_) + 0.5);
  progress_.update(fraction,
                   step.empty() ? fmt::format("chunk {} of {}", n, n_chunks_) : std::string(step));
}

void RunningValues::end_line() {
  if (line_open_) fmt::print("\n");
  std::fflush(stdout);
  line_open_ = false;
}

void RunningValues::finish() {
  progress_.clear();
  end_line();
}

}  // namespace lathe
