// The documents of a release, as texts under their names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/jobs/release/results.h"

namespace lathe {

struct ReleaseDocument {
  std::string name;  // "README.md"
  std::string text;
  std::string_view marker;  // that every such document of lathe has
};

inline constexpr const char* kResultsName = "results.json";
inline constexpr std::string_view kResultsMarker = "\"kind\": \"release\"";

// README.md and report.html.
std::vector<ReleaseDocument> render_release(const ReleaseResults& results);
// The same and results.json. All are made from what that file will hold, so that they come out the
// same when they are made again from it.
std::vector<ReleaseDocument> render_release_with_results(const ReleaseResults& results);

}  // namespace lathe
