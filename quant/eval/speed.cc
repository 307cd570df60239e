#include "quant/eval/speed.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/finite.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kPeakSeconds = 0.02;
constexpr double kBandwidthSeconds = 0.05;
// Long generations stop their clock this often to look at the bandwidth again.
constexpr double kProbeEverySeconds = 1.0;

double seconds_since(Clock::time_point start) noexcept {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

MacsByPeak macs_of_prompt(const ModelWork& work, const SpeedTest& test) noexcept {
  MacsByPeak macs = {};
  if (test.n_prompt == 0) return macs;
  for (std::size_t p = 0; p < kPeakCount; ++p) {
    macs[p] = work.layer_macs[p] * static_cast<double>(test.n_prompt) + work.head_macs[p];
  }
  return macs;
}

std::size_t tokens_of_step(const SpeedTest& test, std::size_t n_done) noexcept {
  return std::min(test.n_step, test.n_gen - n_done);
}

// A step reads the weights and the cells of all positions up to its last.
double bytes_of_generation(const ModelWork& work, const SpeedTest& test) noexcept {
  double bytes = 0;
  for (std::size_t n_done = 0; n_done < test.n_gen;) {
    n_done += tokens_of_step(test, n_done);
    const auto cells = static_cast<double>(test.n_depth + test.n_prompt + n_done);
    bytes += work.token_bytes + cells * work.cell_bytes;
  }
  return bytes;
}

std::string limit_name(const MacsByPeak& macs, bool generates) {
  std::string name;
  for (std::size_t p = 0; p < kPeakCount; ++p) {
    if (macs[p] == 0) continue;
    name += (name.empty() ? "" : " + ") + std::string(peak_name(static_cast<Peak>(p))) + " peak";
  }
  if (generates) name += name.empty() ? "read bandwidth" : " + read bandwidth";
  return name;
}

}  // namespace

double mean(const std::vector<double>& x) noexcept {
  if (x.empty()) return 0;
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double standard_deviation(const std::vector<double>& x) noexcept {
  if (x.size() < 2) return 0;
  const double center = mean(x);
  double sum = 0;
  for (const double v : x) sum += (v - center) * (v - center);
  return std::sqrt(sum / static_cast<double>(x.size() - 1));
}

std::string SpeedTest::name() const {
  std::string text;
  if (n_prompt > 0) text = "pp" + std::to_string(n_prompt);
  if (n_gen > 0) text += (text.empty() ? "tg" : "+tg") + std::to_string(n_gen);
  if (n_gen > 0 && n_step > 1) text += " x" + std::to_string(n_step);
  if (n_depth > 0) text += " @ d" + std::to_string(n_depth);
  return text;
}

std::vector<double> SpeedResult::tokens_per_second() const {
  std::vector<double> rates;
  for (const double s : seconds) {
    rates.push_back(static_cast<double>(test.n_prompt + test.n_gen) / s);
  }
  return rates;
}

std::optional<double> SpeedResult::limit_share() const {
  std::vector<double> shares;
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    if (limit_seconds[i] <= 0) return std::nullopt;
    shares.push_back(limit_seconds[i] / seconds[i]);
  }
  const double share = mean(shares);
  if (shares.empty() || share > kMaxPlausibleShare) return std::nullopt;
  return std::min(share, 1.0);
}

double SpeedResult::limit_tokens_per_second() const {
  const double least = mean(limit_seconds);
  return least > 0 ? static_cast<double>(test.n_prompt + test.n_gen) / least : 0;
}

SpeedBench::SpeedBench(const Model& model, const KernelTable& kernels, ThreadPool& pool,
                       const Topology& topology, SpeedOptions options)
    : model_(model),
      kernels_(kernels),
      pool_(pool),
      options_(std::move(options)),
      work_(model_work(model, kernels, options_.k_format, options_.v_format)),
      probe_bytes_(
          std::min(static_cast<std::size_t>(work_.token_bytes), dram_probe_bytes(topology))),
      random_(options_.seed),
      watch_(pool) {}

// Any tokens do, but the same ones each time.
Token SpeedBench::random_token() {
  tokens_.push_back(static_cast<Token>(random_.below(model_.traits().n_vocab)));
  return tokens_.back();
}

void SpeedBench::read(Session& session, std::size_t n, std::size_t pos) {
  std::vector<BatchItem> items;
  for (std::size_t done = 0; done < n; done += items.size()) {
    items.resize(std::min(session.options().n_batch, n - done));
    for (std::size_t i = 0; i < items.size(); ++i) {
      items[i] = {.token = random_token(),
                  .pos = static_cast<std::int32_t>(pos + done + i),
                  .want_logits = done + i + 1 == n};
    }
    if (!session.decode(items, MatmulPath::kPanel)) throw failed("the KV cache is too small");
  }
}

void SpeedBench::step(Session& session, std::size_t n, std::size_t pos) {
  std::vector<BatchItem> items(n);
  for (std::size_t i = 0; i < n; ++i) {
    items[i] = {
        .token = random_token(), .pos = static_cast<std::int32_t>(pos + i), .want_logits = true};
  }
  if (!session.decode(items, MatmulPath::kMatvec)) throw failed("the KV cache is too small");
}

void SpeedBench::probe_peaks(const MacsByPeak& macs) noexcept {
  for (std::size_t p = 0; p < kPeakCount; ++p) {
    if (macs[p] == 0) continue;
    const PeakProbeFn probe = probe_of(kernels_, static_cast<Peak>(p));
    peaks_[p] = std::max(peaks_[p], peak_rate(pool_, probe, kPeakSeconds));
  }
}

double SpeedBench::probe_bandwidth() {
  if (bandwidth_ == nullptr) {
    bandwidth_ = std::make_unique<BandwidthProbe>(pool_, kernels_, probe_bytes_);
  }
  return bandwidth_->measure(kBandwidthSeconds) / 1e9;
}

// The cells of the first n_depth positions stay from one repetition to the next.
SpeedBench::Repetition SpeedBench::repeat(Session& session, const SpeedTest& test) {
  session.truncate(0, static_cast<std::int32_t>(test.n_depth));
  tokens_.resize(test.n_depth);
  Repetition result;
  std::vector<double> bandwidths;
  probe_peaks(macs_of_prompt(work_, test));
  if (test.n_gen > 0) bandwidths.push_back(probe_bandwidth());
  Clock::time_point start = Clock::now();
  read(session, test.n_prompt, test.n_depth);
  double until_probe = seconds_since(start) + kProbeEverySeconds;
  for (std::size_t n_done = 0; n_done < test.n_gen;) {
    const std::size_t n = tokens_of_step(test, n_done);
    step(session, n, test.n_depth + test.n_prompt + n_done);
    n_done += n;
    const double spent = result.seconds + seconds_since(start);
    if (spent < until_probe || n_done == test.n_gen) continue;
    result.seconds = spent;
    bandwidths.push_back(probe_bandwidth());
    until_probe = spent + kProbeEverySeconds;
    start = Clock::now();
  }
  result.seconds += seconds_since(start);
  check_logits(session);
  if (test.n_gen > 0) bandwidths.push_back(probe_bandwidth());
  probe_peaks(macs_of_prompt(work_, test));
  result.gb_per_s = mean(bandwidths);
  return result;
}

void SpeedBench::finish(SpeedResult& result, const std::vector<Repetition>& repetitions) const {
  const MacsByPeak macs = macs_of_prompt(work_, result.test);
  const double bytes = bytes_of_generation(work_, result.test);
  double prompt_seconds = 0;
  std::size_t n_peaks = 0;
  for (std::size_t p = 0; p < kPeakCount; ++p) {
    if (macs[p] == 0) continue;
    prompt_seconds += macs[p] / peaks_[p];
    result.gmac_per_s = peaks_[p] / 1e9;
    ++n_peaks;
  }
  if (n_peaks > 1) result.gmac_per_s = 0;
  std::vector<double> bandwidths;
  for (const Repetition& r : repetitions) {
    result.seconds.push_back(r.seconds);
    const double generation = result.test.n_gen > 0 ? bytes / (r.gb_per_s * 1e9) : 0;
    result.limit_seconds.push_back(prompt_seconds + generation);
    bandwidths.push_back(r.gb_per_s);
  }
  result.gb_per_s = mean(bandwidths);
  result.limit = limit_name(macs, result.test.n_gen > 0);
}

void SpeedBench::warm_up(Session& session, const SpeedTest& test) {
  const std::size_t n_prompt = std::min(test.n_prompt, session.options().n_batch);
  session.set_observer(&watch_);
  tokens_.clear();
  read(session, n_prompt, 0);
  if (test.n_gen > 0) step(session, tokens_of_step(test, 0), n_prompt);
  session.set_observer(nullptr);
  if (watch_.first()) refuse_non_finite();
  check_logits(session);
  session.clear();
  tokens_.clear();
}

void SpeedBench::check_logits(const Session& session) const {
  if (!all_finite(session.logits())) refuse_non_finite();
}

void SpeedBench::refuse_non_finite() const {
  RunOptions options;
  options.k_format = options_.k_format;
  options.v_format = options_.v_format;
  throw failed("the output of the model is not finite; " +
               locate_non_finite({model_}, kernels_, pool_, tokens_, options));
}

std::vector<SpeedBench::Repetition> SpeedBench::repeat_all(Session& session,
                                                           const SpeedTest& test) {
  std::vector<Repetition> repetitions;
  tokens_.clear();
  try {
    if (options_.warm_up) warm_up(session, test);
    read(session, test.n_depth, 0);
    for (int i = 0; i < options_.n_repetitions; ++i) {
      repetitions.push_back(repeat(session, test));
      if (options_.on_progress) options_.on_progress(test, i + 1);
    }
  } catch (const Stopped&) {  // what was measured until then counts
  }
  return repetitions;
}

SpeedResult SpeedBench::run(const SpeedTest& test) {
  if (test.n_prompt + test.n_gen == 0) throw usage_error("a speed test needs tokens");
  if (test.n_step == 0) throw usage_error("a step of a speed test needs tokens");
  SpeedResult result;
  result.test = test;
  result.start = std::chrono::system_clock::now();
  Session session(model_, kernels_, pool_,
                  {.n_ctx = test.n_depth + test.n_prompt + test.n_gen,
                   .n_batch = std::max(test.n_step, std::min(options_.n_batch, options_.n_ubatch)),
                   .max_logits = test.n_step,
                   .k_format = options_.k_format,
                   .v_format = options_.v_format});
  if (options_.should_stop) {
    session.set_layer_hook([this] {
      if (options_.should_stop()) throw Stopped{};
    });
  }
  finish(result, repeat_all(session, test));
  return result;
}

}  // namespace lathe
