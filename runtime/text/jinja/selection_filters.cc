// Filters that apply another filter or a test to each item: map, select, reject and theirs.
#include <fmt/format.h>

#include "runtime/text/jinja/filters.h"
#include "runtime/text/jinja/operators.h"

namespace lathe::jinja {
namespace {

// The name in front, and the arguments behind it.
struct Applied {
  std::string_view name;
  Arguments rest;
};

Applied applied(const Arguments& arguments, std::size_t n_before, const char* what) {
  const auto& given = arguments.positional;
  if (given.size() <= n_before) return {};
  if (!given[n_before].is_string()) throw Fault(fmt::format("the name of a {} is a string", what));
  return {
      given[n_before].as_text(),
      {{given.begin() + static_cast<std::ptrdiff_t>(n_before) + 1, given.end()}, arguments.named}};
}

Value map(Runtime& runtime, const Value& value, const Arguments& arguments) {
  Heap& heap = runtime.heap();
  List* const list = heap.new_list();
  if (arguments.positional.empty()) {
    const NamedArguments named(arguments, {"attribute", "default"});
    const Value path = named.require("attribute");
    const Value* const otherwise = named.find("default");
    for (const Value& item : items_of(heap, value)) {
      list->items.push_back(value_at(heap, item, path, otherwise));
    }
  } else {
    const Applied call = applied(arguments, 0, "filter");
    const Filter filter = find_filter(call.name);
    if (filter == nullptr) throw Fault(fmt::format("there is no filter '{}'", call.name));
    for (const Value& item : items_of(heap, value)) {
      heap.work(1);
      list->items.push_back(filter(runtime, item, call.rest));
    }
  }
  return Value::list(list, Kind::kGenerator);
}

template <bool kWanted, bool kOfAttribute>
Value select(Runtime& runtime, const Value& value, const Arguments& arguments) {
  Heap& heap = runtime.heap();
  if (kOfAttribute && arguments.positional.empty()) throw Fault("the attribute is missing");
  const Value path = kOfAttribute ? arguments.positional[0] : Value::none();
  const Applied call = applied(arguments, kOfAttribute ? 1 : 0, "test");
  const Test test = call.name.empty() ? nullptr : find_test(call.name);
  if (test == nullptr && !call.name.empty()) {
    throw Fault(fmt::format("there is no test '{}'", call.name));
  }
  List* const list = heap.new_list();
  for (const Value& item : items_of(heap, value)) {
    heap.work(1);
    const Value looked_at = value_at(heap, item, path);
    const bool holds = test != nullptr ? test(runtime, looked_at, call.rest) : truth(looked_at);
    if (holds == kWanted) list->items.push_back(item);
  }
  return Value::list(list, Kind::kGenerator);
}

constexpr FilterEntry kFilters[] = {
    {"map", map},
    {"select", select<true, false>},
    {"reject", select<false, false>},
    {"selectattr", select<true, true>},
    {"rejectattr", select<false, true>},
};

}  // namespace

std::span<const FilterEntry> selection_filters() noexcept { return kFilters; }

}  // namespace lathe::jinja
