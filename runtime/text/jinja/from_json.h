// JSON data as values of a template.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "runtime/text/jinja/heap.h"

namespace lathe::jinja {

// Fault for data nested too deeply, and for whole numbers beyond 64 bits.
Value value_of_json(Heap& heap, const nlohmann::ordered_json& json, int depth = 0);

}  // namespace lathe::jinja
