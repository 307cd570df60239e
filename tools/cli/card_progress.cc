#include "tools/cli/card_progress.h"

#include <fmt/core.h>

#include "tools/cli/messages.h"

namespace lathe {

void CardProgress::expect(std::size_t n_tokens, double done) noexcept {
  n_left_ += static_cast<double>(n_tokens) * (1.0 - done);
}

void CardProgress::begin(const std::string& measure, std::size_t n_tokens, double done) {
  measure_ = measure;
  n_now_ = static_cast<double>(n_tokens);
  done_before_ = done;
  start_ = std::chrono::steady_clock::now();
}

void CardProgress::update(double fraction, std::string_view step) {
  const double n = n_done_ + (fraction - done_before_) * n_now_;
  progress_.update(
      n_left_ > 0 ? n / n_left_ : 1.0,
      fmt::format("{} {:.0f} %{}{}", measure_, 100.0 * fraction, step.empty() ? "" : ", ", step));
}

void CardProgress::end(std::string_view amount) {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
  n_done_ += (1.0 - done_before_) * n_now_;
  progress_.clear();
  say(fmt::format("{}: {} in {:.1f} s", measure_, amount, took.count()));
}

}  // namespace lathe
