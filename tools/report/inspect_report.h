// What a GGUF file holds, for people and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/jobs/inspection.h"

namespace lathe {

// `tensors`: with a table of them; `full`: whole tables, arrays and texts.
std::string inspect_text(const Inspection& inspection, bool tensors, bool full);
// `full`: whole arrays.
nlohmann::ordered_json inspect_json(const Inspection& inspection, bool full);

}  // namespace lathe
