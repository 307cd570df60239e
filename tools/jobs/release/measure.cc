// The steps that measure speed, and what layers of the source do.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "tools/jobs/bench.h"
#include "tools/jobs/release/figures_json.h"
#include "tools/jobs/release/run_step.h"
#include "tools/jobs/stats.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

// Enough for the order of layers: it is a guide, not a measure of quality.
constexpr std::size_t kBlockChunks = 32;

// What cards list.
const std::vector<SpeedTest> kTests = {
    {.n_prompt = 512}, {.n_gen = 128}, {.n_prompt = 1024, .n_gen = 1024}};

}  // namespace

void measure_blocks_of_source(const StepContext& context, const ReleaseStep& step) {
  const ReleaseCalibration& calibration = context.recipe.calibration;
  StatsRequest request;
  request.engine.model = context.recipe.source;
  request.engine.n_threads = context.engine.n_threads;
  request.engine.n_ctx = calibration.n_ctx;
  request.text.files = calibration.texts;
  request.text.max_chunks =
      calibration.max_chunks == 0 ? kBlockChunks : std::min(kBlockChunks, calibration.max_chunks);
  // What there is to say of the text is said when the importance matrix is collected.
  const BlockStats stats = measure_blocks(request, context.engine.isa, {}, context.progress);
  std::vector<BlockFigure> blocks;
  for (std::size_t i = 0; i < stats.result.influence.size(); ++i) {
    blocks.push_back({static_cast<int>(i), stats.result.influence[i]});
  }
  const StepEntry& entry = step.entries.front();
  context.state.put(entry.key, entry.identity, blocks_json(blocks));
}

void measure_speed(const StepContext& context, const ReleaseStep& step) {
  bool stopped = false;
  for (std::size_t i = 0; i < step.entries.size(); ++i) {
    const StepEntry& entry = step.entries[i];
    if (context.state.find(entry.key, entry.identity) != nullptr) continue;
    const ModelToMake& model = context.steps.models[entry.model];
    BenchRequest request{.models = {model.path},
                         .isa = context.engine.isa,
                         .n_threads = {context.engine.n_threads},
                         .combinations = {SpeedOptions{}},
                         .tests = kTests};
    request.combinations.front().n_repetitions = context.recipe.speed.n_repetitions;
    std::vector<SpeedFigure> rows;
    double done = 0.0;
    const auto go_on = [&](const std::string& what) {
      const double share =
          (static_cast<double>(i) + done) / static_cast<double>(step.entries.size());
      stopped = stopped || !context.progress(share, fmt::format("{} {}", model.name, what));
      return !stopped;
    };
    BenchCallbacks callbacks;
    callbacks.on_row = [&](const BenchSetup&, const SpeedResult& result) {
      const std::vector<double> rates = result.tokens_per_second();
      rows.push_back(
          {result.test.name(), mean(rates), standard_deviation(rates), result.limit_share()});
    };
    callbacks.on_progress = [&](double fraction, const std::string& what) {
      done = fraction;
      go_on(what);
    };
    callbacks.should_stop = [&] { return !go_on(""); };
    if (!run_bench(request, callbacks)) throw failed("stopped");
    context.state.put(entry.key, entry.identity, speed_json(rows));
  }
}

}  // namespace lathe
