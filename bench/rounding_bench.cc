// Calibrated rounding, one thread: feedback and two sweeps, beside the peak of the products that
// they are made of. Names are rounding/FORMAT/ROWSxCOLUMNS.
#include <fmt/core.h>

#include <cmath>
#include <memory>
#include <vector>

#include "bench/limits.h"
#include "quant/calibrate/rounding/rounding.h"
#include "tests/support/random_data.h"

namespace lathe::bench {
namespace {

constexpr std::size_t kRows = 256;
constexpr Format kFormats[] = {Format::Q4_K, Format::Q3_K, Format::Q6_K, Format::IQ3_S};

// One matrix and its input's second moment: neighbouring columns have the more to do with each
// other.
struct Problem {
  explicit Problem(std::size_t n, ThreadPool& pool) : h(n * n), w(kRows * n) {
    std::vector<float> falling(n);
    for (std::size_t i = 0; i < n; ++i) falling[i] = std::pow(0.9f, static_cast<float>(i));
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) h[i * n + j] = falling[i > j ? i - j : j - i];
    }
    test::Random random(1);
    random.fill(w, 0.02f);
    factor = std::make_unique<RoundingFactor>(pool, moment(n));
  }
  MatrixView<const float> moment(std::size_t n) const { return {h.data(), n, n}; }

  std::vector<float> h, w;
  std::unique_ptr<RoundingFactor> factor;
};

void rounding(benchmark::State& state, Limits& limits, Format format, std::size_t n) {
  ThreadPool pool({.n_threads = 1, .pin = false});
  static std::size_t n_of_problem = 0;  // the formats of a size follow each other
  static std::unique_ptr<Problem> problem;
  if (n_of_problem != n) {
    problem = std::make_unique<Problem>(n, pool);
    n_of_problem = n;
  }
  std::vector<std::uint8_t> blocks(kRows * row_bytes(format, n));
  const RoundingOptions options = {.sweeps = 2, .reach = {}, .compare_every = 0};
  const double seconds = time_loop(state, [&] {
    round_calibrated(format, {problem->w.data(), kRows, n}, problem->moment(n), *problem->factor,
                     limits.kernels().tier, pool, blocks.data(), options);
  });
  const double weights = static_cast<double>(kRows * n);
  state.counters["ns/weight"] = seconds / weights * 1e9;
  limits.count_macs(state, seconds, (0.5 + options.sweeps) * weights * static_cast<double>(n),
                    panel_peak(limits.kernels(), Format::BF16));
}

}  // namespace

void add_rounding_benchmarks(Limits& limits) {
  for (const std::size_t n : {2048, 8192}) {
    for (const Format format : kFormats) {
      const std::string name = fmt::format("rounding/{}/{}x{}", format_name(format), kRows, n);
      benchmark::RegisterBenchmark(name.c_str(), [&limits, format, n](benchmark::State& state) {
        rounding(state, limits, format, n);
      })->MinTime(0.1);
    }
  }
}

}  // namespace lathe::bench
