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
  if (values_) {
    if (line_is_shared_ && !any_ && ::isatty(STDERR_FILENO) != 0) {
      fmt::print(stderr, "{:.2f} seconds per chunk, {} in all\n", seconds(),
                 clock_text(seconds() * static_cast<double>(n_chunks_)));
    }
    fmt::print("[{}]{:.4f},", done, value);
    std::fflush(stdout);
    any_ = true;
  }
  step(done);
}

void RunningValues::step(std::size_t done) {
  if (line_is_shared_) return;
  progress_.update(static_cast<double>(done) / static_cast<double>(n_chunks_),
                   fmt::format("chunk {} of {}", done, n_chunks_));
}

void RunningValues::finish() {
  progress_.clear();
  if (any_) fmt::print("\n");
}

}  // namespace lathe
