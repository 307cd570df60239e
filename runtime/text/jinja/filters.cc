#include "runtime/text/jinja/filters.h"

#include "runtime/text/jinja/operators.h"
#include "runtime/text/jinja/python_text.h"

namespace lathe::jinja {

Filter find_filter(std::string_view name) noexcept {
  for (const auto& list :
       {text_filters(), number_filters(), sequence_filters(), selection_filters()}) {
    for (const FilterEntry& entry : list) {
      if (entry.name == name) return entry.filter;
    }
  }
  return nullptr;
}

Value value_at(Heap& heap, const Value& value, const Value& path, const Value* otherwise) {
  if (path.is_none()) return value;
  if (!path.is_string()) return item(heap, value, path);
  heap.work_on_bytes(path.as_text().size());
  Value at = value;
  for (const std::string_view part : split_at(path.as_text(), ".", std::string_view::npos)) {
    constexpr std::size_t kMostDigits = 9;
    const bool is_number = is_digits(part) && part.size() <= kMostDigits;
    at = item(heap, at,
              is_number ? Value::integer(std::stoll(std::string(part))) : Value::text(part));
    if (otherwise != nullptr && at.is_undefined()) at = *otherwise;
  }
  return at;
}

Value folded(Heap& heap, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is_string()) return value;
  heap.work(value.as_text().size());
  return heap.text(lower(value.as_text()));
}

}  // namespace lathe::jinja
