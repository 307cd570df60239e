// What templates can call, by name: global functions, filters, tests, and the methods of strings,
// lists and dicts. The names and what they do are Jinja2's and Python's; those that change a list
// or a dict are not there, as in Jinja2's immutable sandbox.
#pragma once

#include <string_view>

#include "runtime/text/jinja/runtime.h"

namespace lathe::jinja {

using Filter = Value (*)(Runtime& runtime, const Value& value, const Arguments& arguments);
using Test = bool (*)(Runtime& runtime, const Value& value, const Arguments& arguments);

// Null where there is none of that name.
Native find_function(std::string_view name) noexcept;
Filter find_filter(std::string_view name) noexcept;
Test find_test(std::string_view name) noexcept;
// A method bound to its value. False where the value has none of that name.
bool find_method(Heap& heap, const Value& value, std::string_view name, Value* found);

}  // namespace lathe::jinja
