// One result of `lathe bench` as a flat record: the fields that llama-bench's users rely on, and
// the share of this machine's limit.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "tools/jobs/bench.h"

namespace lathe {

nlohmann::ordered_json bench_row(const BenchSetup& setup, const SpeedResult& result);

}  // namespace lathe
