// The filters, by what they work on; builtins.h finds them by name.
#pragma once

#include <span>
#include <string_view>

#include "runtime/text/jinja/builtins.h"

namespace lathe::jinja {

struct FilterEntry {
  std::string_view name;
  Filter filter;
};
std::span<const FilterEntry> text_filters() noexcept;
std::span<const FilterEntry> number_filters() noexcept;
std::span<const FilterEntry> sequence_filters() noexcept;
std::span<const FilterEntry> selection_filters() noexcept;  // that know other filters and tests

// "user.name" or 0: items one after the other. None: the value itself.
Value value_at(Heap& heap, const Value& value, const Value& path, const Value* otherwise = nullptr);
// For orders and comparisons that do not see the case of strings.
Value folded(Heap& heap, const Value& value, bool case_sensitive);

}  // namespace lathe::jinja
