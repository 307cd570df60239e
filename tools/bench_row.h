// One result of `lathe bench` as a flat record: the fields that llama-bench's users rely on, and
// the share of this machine's limit.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "quant/eval/speed.h"

namespace lathe {

// What a row says beside the measurement.
struct BenchSetup {
  std::string cpu_info;
  std::string model_filename;
  const ModelTraits* traits = nullptr;
  std::string model_type;  // "llama 1.24 B q4_K"
  SpeedOptions options;
  int n_threads = 0;
};

// "llama 1.24 B q4_K": architecture, size, and the format that holds most of the weights.
std::string model_type(const Model& model);

nlohmann::ordered_json bench_row(const BenchSetup& setup, const SpeedResult& result);

}  // namespace lathe
