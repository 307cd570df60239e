#include "runtime/text/sampler.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "runtime/base/ascii.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/base/random_numbers.h"
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
  require(p.top_n_sigma >= 0 && std::isfinite(p.top_n_sigma), "top-n-sigma", p.top_n_sigma,
          "0 (off) or more");
  require(p.xtc_probability >= 0 && p.xtc_probability <= 1, "XTC probability", p.xtc_probability,
          "0 to 1");
  require(p.xtc_threshold >= 0 && p.xtc_threshold <= 1, "XTC threshold", p.xtc_threshold, "0 to 1");
  require(p.dynatemp_range >= 0 && std::isfinite(p.dynatemp_range), "dynamic temperature range",
          p.dynatemp_range, "0 (off) or more");
  require(p.dynatemp_exponent > 0 && std::isfinite(p.dynatemp_exponent),
          "dynamic temperature exponent", p.dynatemp_exponent, "more than 0");
  require(p.dry.multiplier >= 0 && std::isfinite(p.dry.multiplier), "DRY multiplier",
          p.dry.multiplier, "0 (off) or more");
  require(p.dry.base >= 1 && std::isfinite(p.dry.base), "DRY base", p.dry.base, "1 or more");
  require(p.dry.allowed_length >= 1, "DRY allowed length", p.dry.allowed_length, "1 or more");
  require(p.dry.window >= -1, "DRY window", p.dry.window, "-1 (all) or more");
}

struct StepName {
  std::string_view name;
  SamplerStep step;
};
constexpr StepName kStepNames[] = {
    {"penalties", SamplerStep::kPenalties},
    {"dry", SamplerStep::kDry},
    {"top_n_sigma", SamplerStep::kTopNSigma},
    {"top_k", SamplerStep::kTopK},
    {"typ_p", SamplerStep::kTypical},
    {"top_p", SamplerStep::kTopP},
    {"min_p", SamplerStep::kMinP},
    {"xtc", SamplerStep::kXtc},
    {"temperature", SamplerStep::kTemperature},
};

SamplerStep step_of(std::string_view name) {
  std::string known;
  for (const StepName& entry : kStepNames) {
    if (entry.name == name) return entry.step;
    known += known.empty() ? "" : ", ";
    known += entry.name;
  }
  throw usage_error(fmt::format("there is no sampler {}; there are: {}", quoted(name), known));
}

// Exponentially distributed with this rate, from the token's number in the sequence of splitmix64
// that begins with the key; or `least` where it is not below that. Most tokens lose, and most of
// those without a logarithm: exp(-x) is at least 1 - x.
double waiting_time(std::uint64_t key, Token token, double rate, double least) {
  constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15, kNumbers = std::uint64_t{1} << 53;
  constexpr double kMargin = 1e-9;  // for what was rounded
  const std::uint64_t number =
      RandomNumbers(key + static_cast<std::uint64_t>(token) * kStep).below(kNumbers);
  const double u = (static_cast<double>(number) + 1) / static_cast<double>(kNumbers);
  if (u < 1 - rate * least - kMargin) return least;
  return std::min(-std::log(u) / rate, least);
}

}  // namespace

std::vector<SamplerStep> default_sampler_order() {
  std::vector<SamplerStep> order;
  for (const StepName& entry : kStepNames) order.push_back(entry.step);
  return order;
}

std::vector<SamplerStep> sampler_order(std::string_view names) {
  std::vector<SamplerStep> order;
  while (!names.empty()) {
    const std::size_t end = std::min(names.find_first_of(";,"), names.size());
    order.push_back(step_of(trimmed(names.substr(0, end))));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return order;
}

Sampler::Sampler(const SamplerParams& params) : params_(params), dry_(params.dry) {
  check(params);
  reset();
}

void Sampler::reset() {
  random_.seed(params_.seed);
  mirostat_mu_ = 2.0 * params_.mirostat_tau;
  window_.clear();
  window_next_ = 0;
  dry_.reset();
}

void Sampler::restore(const State& state) {
  random_ = state.random;
  mirostat_mu_ = state.mirostat_mu;
  window_ = state.window;
  window_next_ = state.window_next;
  dry_.truncate(state.n_dry);
}

bool Sampler::has(SamplerStep step) const noexcept {
  return std::find(params_.order.begin(), params_.order.end(), step) != params_.order.end();
}

void Sampler::accept(Token token) {
  dry_.accept(token);
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
  return params_.penalty_window != 0 && has(SamplerStep::kPenalties) &&
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

bool Sampler::changes_logits() const noexcept {
  return has_penalties() || dry_.is_on() || !params_.logit_bias.empty();
}

void Sampler::change_logits() {
  for (const LogitBias& bias : params_.logit_bias) {
    const auto at = static_cast<std::size_t>(bias.token);
    if (bias.token >= 0 && at < logits_.size()) logits_[at] += bias.bias;
  }
  if (has_penalties()) penalize();
  if (has(SamplerStep::kDry)) dry_.apply(logits_);
  copy_finite(logits_, logits_);  // a penalty may overflow
}

Token Sampler::sample(std::span<const float> logits, const TokenMask* allowed) {
  const bool is_greedy = params_.temperature == 0;
  if (is_greedy && !changes_logits() && allowed == nullptr) {
    return static_cast<Token>(index_of_max(logits));
  }
  copy_finite(logits, logits_);
  if (changes_logits()) change_logits();
  if (allowed != nullptr) refuse_others(*allowed, logits_);
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
    if (logits_[i] > kRefused) candidates_.push_back({static_cast<Token>(i), logits_[i]});
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
  std::size_t next = 0;
  const auto is_off = [&](SamplerStep step) {
    return step == SamplerStep::kPenalties || step == SamplerStep::kDry ||
           (step == SamplerStep::kTopNSigma && params_.top_n_sigma == 0);
  };
  while (next < params_.order.size() && is_off(params_.order[next])) ++next;
  // A top-k in front never makes a list of all tokens.
  if (next < params_.order.size() && params_.order[next] == SamplerStep::kTopK) {
    gather_top_k();
    ++next;
  } else {
    gather_all();
  }
  for (; next < params_.order.size(); ++next) apply(params_.order[next]);
}

void Sampler::apply(SamplerStep step) {
  const SamplerParams& p = params_;
  switch (step) {
    case SamplerStep::kPenalties:
    case SamplerStep::kDry:
      return;  // done before
    case SamplerStep::kTopNSigma:
      if (p.top_n_sigma > 0) keep_top_n_sigma(candidates_, p.top_n_sigma);
      return;
    case SamplerStep::kTopK:
      if (p.top_k > 0) keep_best(candidates_, static_cast<std::size_t>(p.top_k));
      return;
    case SamplerStep::kTypical:
      if (p.typical_p < 1) keep_typical(candidates_, p.typical_p);
      return;
    case SamplerStep::kTopP:
      if (p.top_p < 1) keep_top_p(candidates_, p.top_p);
      return;
    case SamplerStep::kMinP:
      if (p.min_p > 0) keep_min_p(candidates_, p.min_p);
      return;
    case SamplerStep::kXtc:
      if (p.xtc_probability > 0 && p.xtc_threshold <= 0.5f && uniform() < p.xtc_probability) {
        exclude_top_choices(candidates_, p.xtc_threshold);
      }
      return;
    case SamplerStep::kTemperature:
      scale(candidates_,
            p.dynatemp_range > 0
                ? entropy_temperature(candidates_, p.temperature - p.dynatemp_range,
                                      p.temperature + p.dynatemp_range, p.dynatemp_exponent)
                : p.temperature);
      return;
  }
}

// Drops what is more surprising than mu, draws, and moves mu towards the aim.
Token Sampler::draw_mirostat() {
  gather_all();
  scale(candidates_, params_.temperature);
  softmax(candidates_, probabilities_);
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

// One of the candidates, by their probabilities: each waits for a time that is exponentially
// distributed with its probability as the rate, and the first one comes (the Gumbel-max trick in
// other words). Every token has a random number of its own at each position, so two models that
// nearly agree nearly always draw the same token (runtime/speculation). Zero probabilities are
// never drawn.
Token Sampler::draw() {
  softmax(candidates_, probabilities_);
  const std::uint64_t key = random_();
  Token drawn = candidates_.front().token;
  double least = HUGE_VAL;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (probabilities_[i] <= 0) continue;
    const double time = waiting_time(key, candidates_[i].token, probabilities_[i], least);
    if (time >= least) continue;
    least = time;
    drawn = candidates_[i].token;
  }
  return drawn;
}

// In [0, 1), from the generator's upper 53 bits: the standard's distributions differ by library.
double Sampler::uniform() noexcept { return static_cast<double>(random_() >> 11) * 0x1p-53; }

}  // namespace lathe
