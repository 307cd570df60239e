// The results of a release as results.json, and back: what is read is what was written, to the bit.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/jobs/release/results.h"

namespace lathe {

nlohmann::ordered_json release_document(const ReleaseResults& results);

// Error (kBadInput) for a file that is no such document. Its figures are taken as they are; its
// texts are of whoever made it, and are escaped where they are shown.
ReleaseResults read_release_results(const std::string& path);
ReleaseResults parse_release_results(const std::string& text, const std::string& where);

}  // namespace lathe
