// What a machine is and can do, for people and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/jobs/machine.h"

namespace lathe {

std::string machine_text(const Machine& machine);  // what it is, and a table of formats
std::string limits_text(const std::vector<MachineLimits>& limits);
nlohmann::ordered_json machine_json(const Machine& machine,
                                    const std::vector<MachineLimits>& limits);

}  // namespace lathe
