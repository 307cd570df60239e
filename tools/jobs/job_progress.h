// How a job says how far it is.
#pragma once

#include <functional>
#include <string_view>

namespace lathe {

// Called often, with the share of the work that is done and what is being done; false stops.
using JobProgress = std::function<bool(double fraction, std::string_view step)>;

}  // namespace lathe
