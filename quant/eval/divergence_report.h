// The figures of a divergence measurement as text, line by line what other programs of this field
// print.
#pragma once

#include <string>

#include "quant/eval/divergence.h"

namespace lathe {

std::string divergence_chunk_header();
std::string divergence_chunk_line(std::size_t chunk, const DivergenceResult& so_far);
std::string divergence_report(const DivergenceResult& result);

// "Maximum", "99.9%", "Median", " 5.0%", "Minimum": how percentiles are called.
std::string percentile_name(double f);

}  // namespace lathe
