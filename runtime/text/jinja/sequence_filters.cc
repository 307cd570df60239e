// Filters that work on lists and dicts.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/text/jinja/filters.h"
#include "runtime/text/jinja/operators.h"
#include "runtime/text/jinja/print.h"
#include "runtime/text/jinja/python_text.h"

namespace lathe::jinja {
namespace {

Value generator(List* list) { return Value::list(list, Kind::kGenerator); }

Value count(Runtime& runtime, const Value& value, const Arguments&) {
  return Value::integer(static_cast<std::int64_t>(length(runtime.heap(), value)));
}

Value or_default(Runtime&, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"default_value", "boolean"});
  const bool missing = value.is_undefined() || (named.flag("boolean", false) && !truth(value));
  return missing ? named.get("default_value", Value::text("")) : value;
}

Value first(Runtime& runtime, const Value& value, const Arguments&) {
  const std::span<const Value> items = items_of(runtime.heap(), value);
  return items.empty() ? Value::undefined("there is no first item") : items.front();
}

Value last(Runtime& runtime, const Value& value, const Arguments&) {
  const std::span<const Value> items = items_of(runtime.heap(), value);
  return items.empty() ? Value::undefined("there is no last item") : items.back();
}

Value to_list(Runtime& runtime, const Value& value, const Arguments&) {
  return runtime.heap().list(items_of(runtime.heap(), value));
}

Value join(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"d", "attribute"});
  Heap& heap = runtime.heap();
  const std::string between = str_of(heap, named.get("d", Value::text("")));
  const Value path = named.get("attribute", Value::none());
  std::string text;
  bool is_first = true;
  for (const Value& item : items_of(heap, value)) {
    if (!is_first) {
      heap.work_on_bytes(between.size());
      text += between;
    }
    is_first = false;
    append_str(heap, value_at(heap, item, path), text);
  }
  return heap.text(text);
}

Value reverse(Runtime& runtime, const Value& value, const Arguments&) {
  Heap& heap = runtime.heap();
  if (value.is_string())
    return slice(heap, value, Value::none(), Value::none(), Value::integer(-1));
  List* const list = heap.new_list(items_of(heap, value));
  std::reverse(list->items.begin(), list->items.end());
  return generator(list);
}

Value items(Runtime& runtime, const Value& value, const Arguments&) {
  List* const list = runtime.heap().new_list();
  if (value.is_undefined()) return generator(list);
  if (!value.is_dict())
    throw Fault(fmt::format("a {} has no pairs of keys and values", type_name(value)));
  for (const auto& [key, v] : value.as_dict().entries) {
    list->items.push_back(runtime.heap().tuple({key, v}));
  }
  return generator(list);
}

// Sorted by keys, which are made once.
struct Keyed {
  Value key, value;
};

void sort_by_key(Heap& heap, std::vector<Keyed>& keyed, bool reverse) {
  const auto before = [&](const Keyed& a, const Keyed& b) {
    return reverse ? less(heap, b.key, a.key) : less(heap, a.key, b.key);
  };
  std::stable_sort(keyed.begin(), keyed.end(), before);
}

// One key of each comma-separated path, as a list where there are several.
Value key_of(Heap& heap, const Value& item, const Value& paths, bool case_sensitive) {
  if (!paths.is_string() || paths.as_text().find(',') == std::string_view::npos) {
    return folded(heap, value_at(heap, item, paths), case_sensitive);
  }
  List* const keys = heap.new_list();
  for (const std::string_view path : split_at(paths.as_text(), ",", std::string_view::npos)) {
    keys->items.push_back(folded(heap, value_at(heap, item, Value::text(path)), case_sensitive));
  }
  return Value::list(keys);
}

Value sort(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"reverse", "case_sensitive", "attribute"});
  Heap& heap = runtime.heap();
  const bool sensitive = named.flag("case_sensitive", false);
  const Value path = named.get("attribute", Value::none());
  std::vector<Keyed> keyed;
  for (const Value& item : items_of(heap, value)) {
    heap.work(1);
    keyed.push_back({key_of(heap, item, path, sensitive), item});
  }
  sort_by_key(heap, keyed, named.flag("reverse", false));
  List* const list = heap.new_list();
  for (const Keyed& k : keyed) list->items.push_back(k.value);
  return Value::list(list);
}

Value dictsort(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"case_sensitive", "by", "reverse"});
  Heap& heap = runtime.heap();
  require_defined(value);
  if (!value.is_dict()) throw Fault(fmt::format("a {} is no dict", type_name(value)));
  const std::string_view by = named.text("by", "key");
  if (by != "key" && by != "value") throw Fault("dictsort is by key or by value");
  const bool sensitive = named.flag("case_sensitive", false);
  std::vector<Keyed> keyed;
  for (const auto& [key, v] : value.as_dict().entries) {
    keyed.push_back({folded(heap, by == "key" ? key : v, sensitive), heap.tuple({key, v})});
  }
  sort_by_key(heap, keyed, named.flag("reverse", false));
  List* const list = heap.new_list();
  for (const Keyed& k : keyed) list->items.push_back(k.value);
  return Value::list(list);
}

Value unique(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"case_sensitive", "attribute"});
  Heap& heap = runtime.heap();
  const Value path = named.get("attribute", Value::none());
  List* const seen = heap.new_list();
  List* const list = heap.new_list();
  for (const Value& item : items_of(heap, value)) {
    const Value key = folded(heap, value_at(heap, item, path), named.flag("case_sensitive", false));
    if (contains(heap, Value::list(seen), key)) continue;
    seen->items.push_back(key);
    list->items.push_back(item);
  }
  return generator(list);
}

template <bool kLargest>
Value extreme(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"case_sensitive", "attribute"});
  Heap& heap = runtime.heap();
  const bool sensitive = named.flag("case_sensitive", false);
  const Value path = named.get("attribute", Value::none());
  Value best = Value::undefined("there is no item"), best_key;
  for (const Value& item : items_of(heap, value)) {
    const Value key = folded(heap, value_at(heap, item, path), sensitive);
    const bool better =
        best.is_undefined() || (kLargest ? less(heap, best_key, key) : less(heap, key, best_key));
    if (!better) continue;
    best = item;
    best_key = key;
  }
  return best;
}

Value sum(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"attribute", "start"});
  Heap& heap = runtime.heap();
  const Value path = named.get("attribute", Value::none());
  Value total = named.get("start", Value::integer(0));
  for (const Value& item : items_of(heap, value)) {
    total = arithmetic(heap, Operator::kAdd, total, value_at(heap, item, path));
  }
  return total;
}

std::int64_t positive(const NamedArguments& named, std::string_view name) {
  const std::int64_t n = named.integer(name, 0);
  if (n < 1) throw Fault(fmt::format("'{}' must be 1 or more", name));
  return n;
}

// Lists of so many items; the last one is filled up, where there is something to fill it with.
Value batch(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"linecount", "fill_with"});
  Heap& heap = runtime.heap();
  const auto n = static_cast<std::size_t>(positive(named, "linecount"));
  const Value fill = named.get("fill_with", Value::none());
  const std::span<const Value> all = items_of(heap, value);
  List* const rows = heap.new_list();
  for (std::size_t i = 0; i < all.size(); i += n) {
    List* const row = heap.new_list(all.subspan(i, std::min(n, all.size() - i)));
    if (!fill.is_none() && row->items.size() < n) {
      heap.work(n - row->items.size());
      row->items.resize(n, fill);
    }
    rows->items.push_back(Value::list(row));
  }
  return generator(rows);
}

// So many lists, the first ones longer by one item where it does not divide.
Value slices(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"slices", "fill_with"});
  Heap& heap = runtime.heap();
  const auto n = static_cast<std::size_t>(positive(named, "slices"));
  const Value fill = named.get("fill_with", Value::none());
  const std::span<const Value> all = items_of(heap, value);
  List* const rows = heap.new_list();
  std::size_t begin = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const bool longer = i < all.size() % n;
    const std::size_t size = all.size() / n + (longer ? 1 : 0);
    List* const row = heap.new_list(all.subspan(begin, size));
    begin += size;
    if (!fill.is_none() && !longer) row->items.push_back(fill);
    rows->items.push_back(Value::list(row));
  }
  return generator(rows);
}

Value attr(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"name"});
  Value found;
  // Attributes alone, not the entries of a dict.
  if (find_method(runtime.heap(), value, named.text("name", {}), &found)) return found;
  return Value::undefined("there is no such attribute");
}

constexpr FilterEntry kFilters[] = {
    {"length", count},    {"count", count},       {"default", or_default}, {"d", or_default},
    {"first", first},     {"last", last},         {"list", to_list},       {"join", join},
    {"reverse", reverse}, {"items", items},       {"sort", sort},          {"dictsort", dictsort},
    {"unique", unique},   {"max", extreme<true>}, {"min", extreme<false>}, {"sum", sum},
    {"batch", batch},     {"slice", slices},      {"attr", attr},
};

}  // namespace

std::span<const FilterEntry> sequence_filters() noexcept { return kFilters; }

}  // namespace lathe::jinja
