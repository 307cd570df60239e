// What of a release is drawn; each an SVG, or empty where there is nothing to draw.
#pragma once

#include <string>
#include <vector>

#include "tools/jobs/release/results.h"

namespace lathe {

std::string divergence_over_size(const ReleaseResults& results, std::size_t text);
std::string perplexity_over_size(const ReleaseResults& results, std::size_t text);
std::string divergence_percentiles(const ReleaseResults& results, std::size_t text);
std::vector<std::string> task_charts(const ReleaseResults& results);
std::vector<std::string> speed_charts(const ReleaseResults& results);
// Of a quantized file: error by tensor and layer. All files have one scale of colours.
std::string error_map(const ReleaseResults& results, const ReleaseModel& model);
std::string importance_map(const ReleaseResults& results);
std::string influence_chart(const ReleaseResults& results);

}  // namespace lathe
