// Python's two ways to put values into a text: "%s of %d" % (a, b), and "{} of {}".format(a, b).
#pragma once

#include <string>
#include <string_view>

#include "runtime/text/jinja/heap.h"
#include "runtime/text/jinja/runtime.h"

namespace lathe::jinja {

// `values`: a tuple, a dict for %(name)s, or one value. Fault for a malformed format, for too few
// or too many values, and for widths beyond a thousand.
std::string percent_format(Heap& heap, std::string_view format, const Value& values);
std::string brace_format(Heap& heap, std::string_view format, const Arguments& values);

}  // namespace lathe::jinja
