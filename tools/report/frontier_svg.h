// Predicted divergence over file size as a picture: the plans as a line, the recipes as points.
#pragma once

#include <string>

#include "tools/jobs/measured_plan_job.h"

namespace lathe {

// A whole SVG document, which follows the viewer's dark or light scheme. Needs two points of a
// frontier.
std::string frontier_svg(const MeasuredPlans& plans);

}  // namespace lathe
