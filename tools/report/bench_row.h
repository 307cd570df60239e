// One result of `lathe bench` as a flat record: the fields that llama-bench's users rely on, and
// the share of this machine's limit.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "quant/eval/speed.h"

namespace lathe {

class Metadata;

// What a row says beside the measurement.
struct BenchSetup {
  std::string cpu_info;
  std::string model_filename;
  const ModelTraits* traits = nullptr;
  std::string model_type;  // "llama 1.24 B Q4_K_M"
  SpeedOptions options;
  int n_threads = 0;
};

// "llama 1.24 B Q4_K_M": architecture, size, and the recipe that the file names
// (general.file_type), or the format that holds most of the weights where it names none.
std::string model_type(const Model& model, const Metadata& metadata);

nlohmann::ordered_json bench_row(const BenchSetup& setup, const SpeedResult& result);

}  // namespace lathe
