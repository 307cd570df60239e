// Values as text: str(), repr() and json.dumps() of Python.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/text/jinja/heap.h"
#include "runtime/text/jinja/value.h"

namespace lathe::jinja {

void append_str(Heap& heap, const Value& value, std::string& out);
std::string str_of(Heap& heap, const Value& value);
std::string repr_of(Heap& heap, const Value& value);
std::string float_text(double value);  // repr() of a float: 1.0, 1e+16, nan

struct JsonStyle {
  bool ascii = false;  // ensure_ascii
  bool indented = false;
  std::string indent;  // of one level
  std::string item_separator = ", ", key_separator = ": ";
  bool sort_keys = false;
};
// Fault for what has no JSON form (undefined, functions).
std::string json_of(Heap& heap, const Value& value, const JsonStyle& style);

}  // namespace lathe::jinja
