#include "runtime/text/sampler.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "runtime/base/error.h"
#include "runtime/text/sampler_filters.h"

namespace lathe {
namespace {

// Above this the heap of top-k no longer pays: nearly every logit enters it.
constexpr std::size_t kLargeTopK = 1024;

void require(bool holds, const char* name, double value, const char* expected) {
  if (!holds) throw usage_error(fmt::format("{} is {}, expected {}", name, value, expected));
}

void require_finite(const char* name, float value) {
  require(std::isfinite(value), name, value, "a finite number");
}

// Comparisons are written so that NaN fails them.
void check(const SamplerParams& p) {
  require(p.temperature >= 0 && std::isfinite(p.temperature), "temperature", p.temperature,
          "0 (greedy) or more");
  require(p.top_k >= 0, "top-k", p.top_k, "0 (all) or more");
  require(p.top_p >= 0 && p.top_p <= 1, "top-p", p.top_p, "0 to 1");
  require(p.min_p >= 0 && p.min_p <= 1, "min-p", p.min_p, "0 to 1");
  require(p.typical_p >= 0 && p.typical_p <= 1, "typical-p", p.typical_p, "0 to 1");
  require(p.repeat_penalty > 0 && std::isfinite(p.repeat_penalty), "repeat penalty",
          p.repeat_penalty, "more than 0");
  require_finite("frequency penalty", p.frequency_penalty);
  require_finite("presence penalty", p.presence_penalty);
  require(p.penalty_window >= -1, "penalty window", p.penalty_window, "-1 (all) or more");
  require(p.mirostat == 0 || p.mirostat == 2, "mirostat", p.mirostat, "0 (off) or 2");
  require(p.mirostat_tau >= 0 && std::isfinite(p.mirostat_tau), "mirostat tau", p.mirostat_tau,
          "0 or more");
  require_finite("mirostat eta", p.mirostat_eta);
}

}  // namespace

Sampler::Sampler(const SamplerParams& params) : params_(params) {
  check(params);
  reset();
}

void Sampler::reset() {
  random_.seed(params_.seed);
  mirostat_mu_ = 2.0 * params_.mirostat_tau;
  window_.clear();
  window_next_ = 0;
}

void Sampler::accept(Token token) {
  if (!has_penalties()) return;
  const bool is_full = params_.penalty_window > 0 &&
                       window_.size() == static_cast<std::size_t>(params_.penalty_window);
  if (!is_full) {
    window_.push_back(token);
    return;
  }
  window_[window_next_] = token;
  window_next_ = (window_next_ + 1) % window_.size();
}

bool Sampler::has_penalties() const noexcept {
  return params_.penalty_window != 0 &&
         (params_.repeat_penalty != 1 || params_.frequency_penalty != 0 ||
          params_.presence_penalty != 0);
}

// Each distinct token of the window once, by how often it is there.
void Sampler::penalize() {
  n_seen_.resize(logits_.size());
  const auto is_known = [&](Token t) {
    return t >= 0 && static_cast<std::size_t>(t) < logits_.size();
  };
  for (const Token t : window_) {
    if (is_known(t)) ++n_seen_[static_cast<std::size_t>(t)];
  }
  for (const Token t : window_) {
    if (!is_known(t) || n_seen_[static_cast<std::size_t>(t)] == 0) continue;
    float& logit = logits_[static_cast<std::size_t>(t)];
    std::uint32_t& count = n_seen_[static_cast<std::size_t>(t)];
    logit = logit > 0 ? logit / params_.repeat_penalty : logit * params_.repeat_penalty;
    logit -= static_cast<float>(count) * params_.frequency_penalty + params_.presence_penalty;
    count = 0;
  }
}

Token Sampler::sample(std::span<const float> logits) {
  const bool is_greedy = params_.temperature == 0;
  if (is_greedy && !has_penalties()) return static_cast<Token>(index_of_max(logits));
  copy_finite(logits, logits_);
  if (has_penalties()) {
    penalize();
    copy_finite(logits_, logits_);  // a penalty may overflow
  }
  if (is_greedy) return static_cast<Token>(index_of_max(logits_));
  candidates_.reserve(logits.size());
  probabilities_.reserve(logits.size());
  if (params_.mirostat == 2) return draw_mirostat();
  filter();
  return draw();
}

void Sampler::gather_all() {
  candidates_.clear();
  for (std::size_t i = 0; i < logits_.size(); ++i) {
    candidates_.push_back({static_cast<Token>(i), logits_[i]});
  }
}

void Sampler::gather_top_k() {
  const auto k = static_cast<std::size_t>(params_.top_k);
  if (k == 0 || k >= logits_.size()) {
    gather_all();
  } else if (k <= kLargeTopK) {
    top_k(logits_, k, candidates_);
  } else {
    gather_all();
    keep_best(candidates_, k);
  }
}

void Sampler::filter() {
  gather_top_k();
  if (params_.typical_p < 1) keep_typical(candidates_, params_.typical_p);
  if (params_.top_p < 1) keep_top_p(candidates_, params_.top_p);
  if (params_.min_p > 0) keep_min_p(candidates_, params_.min_p);
}

// Drops what is more surprising than mu, draws, and moves mu towards the aim.
Token Sampler::draw_mirostat() {
  gather_all();
  softmax(candidates_, params_.temperature, probabilities_);
  const float limit = static_cast<float>(std::exp2(-mirostat_mu_));
  const float best = *std::max_element(probabilities_.begin(), probabilities_.end());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (probabilities_[i] < std::min(limit, best)) continue;
    candidates_[kept++] = candidates_[i];
  }
  candidates_.resize(kept);
  const Token token = draw();
  const auto is_drawn = [&](const Candidate& c) { return c.token == token; };
  const auto at = std::find_if(candidates_.begin(), candidates_.end(), is_drawn);
  const double surprise =
      -std::log2(probabilities_[static_cast<std::size_t>(at - candidates_.begin())]);
  mirostat_mu_ -= params_.mirostat_eta * (surprise - params_.mirostat_tau);
  return token;
}

// One of the candidates, by their probabilities. Zero probabilities are never drawn.
Token Sampler::draw() {
  softmax(candidates_, params_.temperature, probabilities_);
  double rest = uniform();
  Token drawn = candidates_.front().token;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (probabilities_[i] <= 0) continue;
    drawn = candidates_[i].token;
    rest -= probabilities_[i];
    if (rest < 0) break;
  }
  return drawn;
}

// In [0, 1), from the generator's upper 53 bits: the standard's distributions differ by library.
double Sampler::uniform() noexcept { return static_cast<double>(random_() >> 11) * 0x1p-53; }

}  // namespace lathe
