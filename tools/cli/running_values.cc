#include "tools/cli/running_values.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "tools/cli/standard_output.h"
#include "tools/cli/terminal.h"

namespace lathe {
namespace {

constexpr std::size_t kLineWidth = 90;  // characters, from which on a line of values ends

}  // namespace

RunningValues::RunningValues(std::string label, std::size_t n_chunks, bool values)
    : progress_(std::move(label)),
      n_chunks_(n_chunks),
      values_(values),
      line_is_shared_(values && is_terminal(STDOUT_FILENO) && is_terminal(STDERR_FILENO)),
      values_are_the_progress_(values && !line_is_shared_ && outputs_are_one()),
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
  if (values_are_the_progress_ && !last_.empty()) return;
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
  put_text(pending_);
  flush_output();
  pending_.clear();
  line_open_ = true;
}

void RunningValues::end_line() {
  if (line_open_) put_text("\n");
  flush_output();
  line_open_ = false;
}

void RunningValues::finish() {
  progress_.clear();
  print_pending();
  end_line();
}

}  // namespace lathe
