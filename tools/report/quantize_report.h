// What came of quantizing, for people.
#pragma once

#include <string>
#include <vector>

#include "quant/pipeline/quantize.h"
#include "tools/jobs/quantize_job.h"

namespace lathe {

// Totals by type, the tensors with the largest errors, what was done in what time ("3:07"), the
// files.
std::string quantize_text(const QuantizeRun& run, const Plan& plan, const std::string& time);

// What the run warns of, each a sentence: that of the result, and what quantizing a quantized
// source once more costs.
std::vector<std::string> quantize_warnings(const QuantizeResult& result);

}  // namespace lathe
