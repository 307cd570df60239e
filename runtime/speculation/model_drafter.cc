#include "runtime/speculation/model_drafter.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lathe {
namespace {

// Up to here rows straight from the blocks are the faster way (docs/architecture.md).
constexpr std::size_t kFewTokens = 16;

// Of one token, by the softmax of the logits.
float probability(std::span<const float> logits, Token token) {
  constexpr float kNothing = 20;  // below the largest: e^-20 of it
  const float largest = *std::max_element(logits.begin(), logits.end());
  float sum = 0;
  for (const float logit : logits) {
    if (logit > largest - kNothing) sum += std::exp(logit - largest);
  }
  return std::exp(logits[static_cast<std::size_t>(token)] - largest) / sum;
}

}  // namespace

ModelDrafter::ModelDrafter(Session& session, float least_probability)
    : session_(session), least_probability_(least_probability) {}

// Of so many tokens that wait: what read() takes next, 0 where the rest can wait for next().
std::size_t ModelDrafter::next_batch(std::size_t n_waiting) const {
  return n_waiting > kFewTokens ? std::min(session_.options().n_batch, n_waiting - 1) : 0;
}

std::size_t ModelDrafter::n_batches(std::size_t n_waiting) const {
  std::size_t count = 0;
  while (const std::size_t n = next_batch(n_waiting)) {
    n_waiting -= n;
    ++count;
  }
  return count;
}

// Keeps what it has in common with the new text, but for the last token, whose logits are wanted.
// The last few wait for next(), to be read at once.
void ModelDrafter::read(std::span<const Token> text) {
  const auto [end, _] = std::mismatch(text_.begin(), text_.end(), text.begin(), text.end());
  const std::size_t n_same = static_cast<std::size_t>(end - text_.begin());
  n_held_ = std::min({n_held_, n_same, text.empty() ? 0 : text.size() - 1});
  session_.truncate(0, static_cast<std::int32_t>(n_held_));
  text_.assign(text.begin(), text.end());
  n_layers_done_ = 0;
  n_layers_in_all_ = n_batches(text_.size() - n_held_) * session_.model().traits().n_layer;
  while (const std::size_t n = next_batch(text_.size() - n_held_)) {
    if (!decode(n, MatmulPath::kPanel)) break;
  }
  n_layers_in_all_ = 0;
}

void ModelDrafter::set_hook(std::function<void(double)> hook) {
  if (!hook) return session_.set_layer_hook({});
  session_.set_layer_hook([this, hook = std::move(hook)] { hook(share_read()); });
}

double ModelDrafter::share_read() {
  if (n_layers_in_all_ == 0) return 1;
  ++n_layers_done_;
  return std::min(1.0, static_cast<double>(n_layers_done_) / static_cast<double>(n_layers_in_all_));
}

bool ModelDrafter::decode(std::size_t n, MatmulPath path) {
  batch_.clear();
  for (std::size_t i = 0; i < n; ++i) {
    batch_.push_back({text_[n_held_ + i], static_cast<std::int32_t>(n_held_ + i), 1, false});
  }
  batch_.back().want_logits = n_held_ + n == text_.size();
  if (!session_.decode(batch_, path)) return false;
  n_held_ += n;
  return true;
}

std::optional<Guess> ModelDrafter::next(TokenChoice& choice) {
  n_layers_in_all_ = 0;  // where a hook threw out of read()
  while (n_held_ < text_.size()) {
    const std::size_t n = std::min(session_.options().n_batch, text_.size() - n_held_);
    if (!decode(n, MatmulPath::kMatvec)) return std::nullopt;
  }
  const MatrixView<const float> logits = session_.logits();
  const Token token = choice.choose({logits.row(0), logits.cols});
  if (token == kNoToken) return std::nullopt;
  const float p = probability({logits.row(0), logits.cols}, token);
  if (!(p >= least_probability_) || !choice.accept(token)) return std::nullopt;
  text_.push_back(token);
  return Guess{token, p};
}

}  // namespace lathe
