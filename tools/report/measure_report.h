// What `lathe measure` found, for people and for programs.
#pragma once

#include <string>

#include "quant/costs/cost_file.h"

namespace lathe {

// The divergence that each kind of tensor makes in some formats, and the layers' where measured.
std::string measure_text(const CostFile& costs);
// The costs as a result document; `path` of the file that they were written to.
std::string measure_document(const CostFile& costs, const std::string& path);

}  // namespace lathe
