#include "tools/jobs/bench.h"

#include <fmt/core.h>

#include <memory>
#include <utility>

#include "runtime/base/error.h"
#include "tools/jobs/engine.h"
#include "tools/jobs/model_type.h"

namespace lathe {
namespace {

class BenchRun {
 public:
  BenchRun(const BenchRequest& request, const BenchCallbacks& callbacks)
      : request_(request),
        callbacks_(callbacks),
        kernels_(kernels_of(request.isa)),
        topology_(read_topology()) {}

  bool run() {
    for (const std::string& path : request_.models) {
      const LoadedModel loaded(path);
      const Model& model = *loaded.model;
      BenchSetup setup = {.cpu_info = topology_.cpu_model,
                          .model_filename = path,
                          .traits = &model.traits(),
                          .model_type = model_type(model, loaded.file.metadata()),
                          .options = {},
                          .n_threads = 0};
      for (const int n_threads : request_.n_threads) {
        if (!bench_threads(model, n_threads, setup)) return false;
      }
    }
    return true;
  }

 private:
  bool bench_threads(const Model& model, int n_threads, BenchSetup& setup) {
    ThreadPool pool({.n_threads = n_threads, .topology = &topology_});
    setup.n_threads = pool.size();
    for (const SpeedOptions& options : request_.combinations) {
      setup.options = options;
      SpeedBench bench(model, kernels_, pool, topology_, with_callbacks(options));
      for (const SpeedTest& test : request_.tests) {
        const SpeedResult result = measure(bench, test, setup.model_filename);
        if (stopped()) return false;
        if (callbacks_.on_row) callbacks_.on_row(setup, result);
        ++n_tests_done_;
      }
    }
    return true;
  }

  // One of several models may be at fault.
  static SpeedResult measure(SpeedBench& bench, const SpeedTest& test, const std::string& path) {
    try {
      return bench.run(test);
    } catch (const Error& error) {
      throw Error(error.kind(), path + ": " + error.what());
    }
  }

  bool stopped() const { return callbacks_.should_stop && callbacks_.should_stop(); }

  SpeedOptions with_callbacks(SpeedOptions options) {
    options.should_stop = callbacks_.should_stop;
    options.on_progress = [this, n = options.n_repetitions](const SpeedTest& test, int done) {
      if (!callbacks_.on_progress) return;
      const double share = static_cast<double>(done) / static_cast<double>(n);
      callbacks_.on_progress((static_cast<double>(n_tests_done_) + share) / n_tests_in_all(),
                             fmt::format("{} {}/{}", test.name(), done, n));
    };
    return options;
  }

  double n_tests_in_all() const {
    return static_cast<double>(request_.models.size() * request_.n_threads.size() *
                               request_.combinations.size() * request_.tests.size());
  }

  const BenchRequest& request_;
  const BenchCallbacks& callbacks_;
  KernelTable kernels_;
  Topology topology_;
  std::size_t n_tests_done_ = 0;
};

}  // namespace

BenchMachine bench_machine(const std::string& isa) {
  return {read_topology().cpu_model, kernels_of(isa).tier};
}

bool run_bench(const BenchRequest& request, const BenchCallbacks& callbacks) {
  return BenchRun(request, callbacks).run();
}

}  // namespace lathe
