// Picks the next token from a row of logits.
//
// Logit biases and penalties come first: on what the window holds (repetition: Keskar et al. 2019,
// CTRL; frequency and presence: subtracted), and on repeated sequences
// (runtime/text/dry_penalty.h). Then the filters, in the order that the parameters give, each off
// by its neutral value: top-n-sigma (Tang et al. 2024), top-k, typical (Meister et al. 2022), top-p
// (Holtzman et al. 2019), min-p (Nguyen et al. 2024), XTC (Weidmann 2024), temperature, which may
// follow the entropy (Zhang et al. 2024); then the draw. With mirostat 2 (Basu et al. 2020) only
// penalties and temperature come before it. A temperature of 0 is greedy: the best token after
// penalties, the smallest id among equals.
//
// The same seed, parameters, logits and accepted tokens give the same tokens, everywhere. Logits
// that are no numbers count as impossible; a row of nothing else gives token 0. After the first
// call with a vocabulary nothing is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/text/dry_penalty.h"
#include "runtime/text/token.h"
#include "runtime/text/token_mask.h"

namespace lathe {

enum class SamplerStep : std::uint8_t {
  kPenalties,  // these two act on all tokens before any filter, wherever they stand in the order
  kDry,
  kTopNSigma,
  kTopK,
  kTypical,
  kTopP,
  kMinP,
  kXtc,
  kTemperature,
};

std::vector<SamplerStep> default_sampler_order();  // as they stand here

struct LogitBias {
  Token token;
  float bias;  // added; -infinity: never drawn
};

struct SamplerParams {
  float temperature = 0.8f;        // 0: greedy
  int top_k = 40;                  // 0: all
  float top_p = 0.95f;             // 1: off
  float min_p = 0.05f;             // 0: off
  float typical_p = 1.0f;          // 1: off
  float repeat_penalty = 1.0f;     // 1: off
  float frequency_penalty = 0.0f;  // 0: off
  float presence_penalty = 0.0f;   // 0: off
  int penalty_window = 64;         // last tokens that penalties see; 0: none, -1: all
  int mirostat = 0;                // 0: off, 2: version 2
  float mirostat_tau = 5.0f;       // aimed-at surprise, in bits
  float mirostat_eta = 0.1f;       // learning rate
  float top_n_sigma = 0.0f;        // 0: off
  float xtc_probability = 0.0f;    // 0: off
  float xtc_threshold = 0.1f;      // more than 0.5: off
  float dynatemp_range = 0.0f;     // 0: the temperature is fixed
  float dynatemp_exponent = 1.0f;
  DryParams dry{};
  std::vector<LogitBias> logit_bias{};
  std::vector<SamplerStep> order = default_sampler_order();  // steps that are not in it are off
  std::uint64_t seed = 0;
};

// "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature", or some of these in another
// order. Error (kUsage) for an unknown name.
std::vector<SamplerStep> sampler_order(std::string_view names);

// A token that may be drawn, and its logit or what became of it.
struct Candidate {
  Token token;
  float logit;
};

class Sampler {
 public:
  // Error (kUsage) naming the first parameter that makes no sense.
  explicit Sampler(const SamplerParams& params);

  // `logits` [n_vocab], not empty. Does not take the token into the penalties' window: that is
  // accept()'s, which also serves for the tokens of the prompt. With `allowed` (one token at least)
  // the others are no part of the distribution: filters and draw see only what is allowed.
  Token sample(std::span<const float> logits, const TokenMask* allowed = nullptr);
  void accept(Token token);

  // Back to the state after construction.
  void reset();

  // All that later draws depend on, to go back to it: draws that are tried out leave no trace.
  struct State {
    std::mt19937_64 random;
    double mirostat_mu;
    std::vector<Token> window;
    std::size_t window_next;
    std::size_t n_dry;  // tokens that DRY has seen
  };
  State save() const { return {random_, mirostat_mu_, window_, window_next_, dry_.size()}; }
  // Of this sampler; nothing may have been reset since.
  void restore(const State& state);

  const SamplerParams& params() const noexcept { return params_; }

 private:
  bool has(SamplerStep step) const noexcept;
  bool has_penalties() const noexcept;
  bool changes_logits() const noexcept;
  void change_logits();
  void penalize();
  void gather_top_k();
  void gather_all();
  void filter();
  void apply(SamplerStep step);
  Token draw_mirostat();
  Token draw();
  double uniform() noexcept;

  SamplerParams params_;
  std::mt19937_64 random_;
  DryPenalty dry_;
  double mirostat_mu_ = 0;

  std::vector<Token> window_;          // a ring once it has penalty_window tokens
  std::size_t window_next_ = 0;        // where the ring goes on
  std::vector<std::uint32_t> n_seen_;  // [n_vocab], all zero between calls
  std::vector<float> logits_;          // [n_vocab], finite; -infinity: not allowed
  std::vector<Candidate> candidates_;  // capacity n_vocab
  std::vector<float> probabilities_;   // of candidates_
};

}  // namespace lathe
