// How fast a model runs here, and how much of this machine's limit that is.
//
// Prompt processing (pp) is bound by arithmetic: its limit is the issue rate of the instruction
// that its kernels multiply with. Generation (tg) is bound by memory: its limit is the bandwidth of
// reading what a token touches. Both are probed right beside what they are compared with, because
// the memory of shared machines changes its speed by the minute; the bandwidth probe reads a buffer
// as large as the model's working set, so that caches count on both sides.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "quant/eval/model_work.h"
#include "quant/eval/non_finite.h"
#include "runtime/base/random_numbers.h"
#include "runtime/machine/probes.h"
#include "runtime/session.h"

namespace lathe {

struct SpeedTest {
  std::size_t n_prompt = 0;
  std::size_t n_gen = 0;    // generated after the prompt
  std::size_t n_depth = 0;  // tokens in the KV cache before what is measured
  std::size_t n_step = 1;   // tokens of each step of the generation, as drafts are checked

  std::string name() const;  // "pp512", "tg128", "pp512+tg128", "tg128 x4", "tg128 @ d4096"
};

struct SpeedOptions {
  std::size_t n_batch = 2048;  // most prompt tokens per call
  std::size_t n_ubatch = 512;  // most that pass through a layer together
  Format k_format = Format::F16;
  Format v_format = Format::F16;
  int n_repetitions = 5;
  bool warm_up = true;
  std::uint64_t seed = 1;                                            // of the random tokens
  std::function<bool()> should_stop;                                 // asked after each layer
  std::function<void(const SpeedTest& test, int done)> on_progress;  // after each repetition
};

struct SpeedResult {
  SpeedTest test;
  std::chrono::system_clock::time_point start;
  std::vector<double> seconds;        // per repetition
  std::vector<double> limit_seconds;  // the least that each could have taken; 0: not known
  std::string limit;                  // "int8 peak", "read bandwidth", "fma peak + read bandwidth"
  double gmac_per_s = 0;              // the peak that was probed; 0: none (or several)
  double gb_per_s = 0;                // the mean of the bandwidth that was probed; 0: none

  std::vector<double> tokens_per_second() const;
  // Mean over the repetitions of limit / time, 0 to 1. Nothing when there is no limit, or when the
  // probe is broken: a share beyond kMaxPlausibleShare. Up to that, noise is cut off at 1.
  std::optional<double> limit_share() const;
  double limit_tokens_per_second() const;  // 0: not known
};

double mean(const std::vector<double>& x) noexcept;  // 0 for none
double standard_deviation(
    const std::vector<double>& x) noexcept;  // of a sample; 0 for fewer than 2

class SpeedBench {
 public:
  // All outlive the bench.
  SpeedBench(const Model& model, const KernelTable& kernels, ThreadPool& pool,
             const Topology& topology, SpeedOptions options);

  // Fewer repetitions than asked for when stopped. Error (kUsage) for a test without tokens;
  // (kFailed) for a model whose numbers are not finite, naming layer and weight.
  SpeedResult run(const SpeedTest& test);

 private:
  struct Repetition {
    double seconds = 0;
    double gb_per_s = 0;
  };
  struct Stopped {};  // thrown between layers, caught in run()
  Token random_token();
  void read(Session& session, std::size_t n, std::size_t pos);
  void step(Session& session, std::size_t n, std::size_t pos);
  void warm_up(Session& session, const SpeedTest& test);
  void check_logits(const Session& session) const;
  [[noreturn]] void refuse_non_finite() const;
  std::vector<Repetition> repeat_all(Session& session, const SpeedTest& test);
  Repetition repeat(Session& session, const SpeedTest& test);
  void probe_peaks(const MacsByPeak& macs) noexcept;
  double probe_bandwidth();
  void finish(SpeedResult& result, const std::vector<Repetition>& repetitions) const;

  const Model& model_;
  const KernelTable& kernels_;
  ThreadPool& pool_;
  SpeedOptions options_;
  ModelWork work_;
  std::size_t probe_bytes_;
  std::unique_ptr<BandwidthProbe> bandwidth_;  // made when the first test needs it
  std::array<double, kPeakCount> peaks_ = {};  // best seen, multiply-accumulates per second
  RandomNumbers random_;
  std::vector<Token> tokens_;  // those whose cells the session has
  FiniteWatch watch_;          // looks on while nothing is timed
};

}  // namespace lathe
