// Tokens to a tree: Jinja2's grammar, without what loads other templates.
#pragma once

#include <string>
#include <string_view>

#include "runtime/text/jinja/syntax.h"

namespace lathe::jinja {

// Error (kBadInput) naming the line and what was expected there, also for unknown filters and
// tests, and for expressions or blocks nested too deeply.
Program parse(std::string_view source, const std::string& where);

}  // namespace lathe::jinja
