// The job of `lathe bench`: every combination of what was asked for, on every model.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "quant/eval/speed.h"

namespace lathe {

struct BenchRequest {
  std::vector<std::string> models;
  std::string isa;
  std::vector<int> n_threads;              // 0: one per physical core
  std::vector<SpeedOptions> combinations;  // without callbacks
  std::vector<SpeedTest> tests;
};

// What a row says beside the measurement. Valid during the call that it is passed to.
struct BenchSetup {
  std::string cpu_info;
  std::string model_filename;
  const ModelTraits* traits = nullptr;
  std::string model_type;  // "llama 1.24 B Q4_K_M"
  SpeedOptions options;
  int n_threads = 0;
};

// Each may be empty.
struct BenchCallbacks {
  std::function<void(const BenchSetup&, const SpeedResult&)> on_row;
  std::function<void(double fraction, const std::string& step)> on_progress;  // "pp512 2/5"
  std::function<bool()> should_stop;
};

// What the machine is, for the head of a table.
struct BenchMachine {
  std::string cpu_model;
  std::string tier;
};
BenchMachine bench_machine(const std::string& isa);

// False when it was stopped: rows that were measured in part are left out.
bool run_bench(const BenchRequest& request, const BenchCallbacks& callbacks);

}  // namespace lathe
