// What `lathe verify` found, for people and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/jobs/verify/verify.h"

namespace lathe {

// `full`: every difference, also in a long list.
std::string verify_text(const ModelComparison& comparison, bool full);
nlohmann::ordered_json verify_json(const ModelComparison& comparison);

}  // namespace lathe
