#include "tools/report/bench_row.h"

#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "runtime/identity/build_info.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

std::string iso_8601(std::chrono::system_clock::time_point when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm utc = {};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

long long nanoseconds(double seconds) { return std::llround(seconds * 1e9); }

Json number_or_null(double value) { return value > 0 ? Json(value) : Json(nullptr); }

}  // namespace

Json bench_row(const BenchSetup& setup, const SpeedResult& result) {
  const std::vector<double> rates = result.tokens_per_second();
  std::vector<long long> samples_ns;
  for (const double s : result.seconds) samples_ns.push_back(nanoseconds(s));
  const SpeedOptions& o = setup.options;
  const std::optional<double> share = result.limit_share();
  return {
      {"build_commit", build_commit()},
      {"build_number", build_number()},
      {"cpu_info", setup.cpu_info},
      {"gpu_info", ""},
      {"backends", "CPU"},
      {"model_filename", setup.model_filename},
      {"model_type", setup.model_type},
      {"model_size", setup.traits->weight_bytes},
      {"model_n_params", setup.traits->n_params},
      {"n_batch", o.n_batch},
      {"n_ubatch", o.n_ubatch},
      {"n_threads", setup.n_threads},
      {"cpu_mask", "0x0"},
      {"type_k", format_name(o.k_format)},
      {"type_v", format_name(o.v_format)},
      {"flash_attn", true},
      {"use_mmap", true},
      {"n_prompt", result.test.n_prompt},
      {"n_gen", result.test.n_gen},
      {"n_depth", result.test.n_depth},
      {"n_step", result.test.n_step},
      {"test_time", iso_8601(result.start)},
      {"avg_ns", nanoseconds(mean(result.seconds))},
      {"stddev_ns", nanoseconds(standard_deviation(result.seconds))},
      {"avg_ts", mean(rates)},
      {"stddev_ts", standard_deviation(rates)},
      {"samples_ns", samples_ns},
      {"samples_ts", rates},
      {"limit", result.limit},
      {"limit_share", share ? Json(*share) : Json(nullptr)},
      {"limit_ts", number_or_null(result.limit_tokens_per_second())},
      {"limit_gmac_per_s", number_or_null(result.gmac_per_s)},
      {"limit_gb_per_s", number_or_null(result.gb_per_s)},
  };
}

}  // namespace lathe
