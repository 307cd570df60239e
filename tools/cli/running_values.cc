#include "tools/cli/running_values.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace lathe {
namespace {

constexpr std::size_t kLineWidth = 90;  // characters, from which on a line of values ends

}  // namespace

RunningValues::RunningValues(std::string label, std::size_t n_chunks, bool values)
    : progress_(std::move(label)),
      n_chunks_(n_chunks),
      values_(values),
      line_is_shared_(values && ::isatty(STDOUT_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()) {}

double RunningValues::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void RunningValues::add(std::size_t done, double value) {
  if (!values_) return;
  last_ = fmt::format("[{}]{:.4f}", done, value);
  pending_ += last_ + ",";
  if (line_is_shared_ && pending_.size() < kLineWidth) return;
  print_pending();
  if (line_is_shared_) end_line();
}

void RunningValues::update(double fraction, std::string_view step) {
  const auto n = static_cast<std::size_t>(fraction * static_cast<double>(n_chunks_));
  std::string what = step.empty()
                         ? fmt::format("chunk {} of {}", std::min(n + 1, n_chunks_), n_chunks_)
                         : std::string(step);
  if (line_is_shared_ && !last_.empty()) what += "  " + last_;
  progress_.update(fraction, what);
}

void RunningValues::print_pending() {
  if (pending_.empty()) return;
  progress_.clear();
  fmt::print("{}", pending_);
  std::fflush(stdout);
  pending_.clear();
  line_open_ = true;
}

void RunningValues::end_line() {
  if (line_open_) fmt::print("\n");
  std::fflush(stdout);
  line_open_ = false;
}

void RunningValues::finish() {
  progress_.clear();
  print_pending();
  end_line();
}

}  // namespace lathe
