// report.html of a release: one file, no scripts needed, nothing loaded from anywhere.
#pragma once

#include <string>
#include <string_view>

#include "tools/jobs/release/results.h"

namespace lathe {

std::string html_report(const ReleaseResults& results);

// A line that the page has: by it a file of that name is known to be one of lathe's.
inline constexpr std::string_view kReportMarker =
    "<meta name=\"generator\" content=\"lathe release\">";

// The page's style sheet and the script that sorts tables where there are scripts.
extern const std::string_view kReportStyle, kReportScript;

}  // namespace lathe
