// What operators do with values, as Python has it. Faults name the types at fault.
#pragma once

#include <compare>
#include <span>
#include <string_view>

#include "runtime/text/jinja/heap.h"
#include "runtime/text/jinja/value.h"

namespace lathe::jinja {

enum class Operator { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };
enum class Comparison {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn
};

Value arithmetic(Heap& heap, Operator op, const Value& a, const Value& b);
Value negated(const Value& a);
bool compare(Heap& heap, Comparison op, const Value& a, const Value& b);

bool truth(const Value& value) noexcept;
bool equal(Heap& heap, const Value& a, const Value& b, int depth = 0);
bool less(Heap& heap, const Value& a, const Value& b, int depth = 0);
bool contains(Heap& heap, const Value& container, const Value& item);

// len(). Fault for what has none.
std::size_t length(Heap& heap, const Value& value);
bool is_iterable(const Value& value) noexcept;
// The items that a for loop sees: of a list, the keys of a dict, the characters of a string. A
// generator is used up. Valid as long as the heap. Fault for what cannot be walked through.
std::span<const Value> items_of(Heap& heap, const Value& value);

// The entry of a key, or null.
const Value* find_entry(Heap& heap, const Dict& dict, const Value& key);
const Value* find_entry(Heap& heap, const Dict& dict, std::string_view key);
void set_entry(Heap& heap, Dict& dict, const Value& key, const Value& value);

// value[begin:end:step]; each bound may be none.
Value slice(Heap& heap, const Value& value, const Value& begin, const Value& end,
            const Value& step);
// value.name and value[key]: undefined where there is nothing of the kind.
Value attribute(Heap& heap, const Value& value, std::string_view name);
Value item(Heap& heap, const Value& value, const Value& key);

// Fault that says why, where the value is undefined.
void require_defined(const Value& value);

}  // namespace lathe::jinja
