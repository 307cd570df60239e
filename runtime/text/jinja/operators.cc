#include "runtime/text/jinja/operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "runtime/text/jinja/builtins.h"
#include "runtime/text/jinja/format.h"
#include "runtime/text/jinja/loop.h"
#include "runtime/text/jinja/print.h"
#include "runtime/text/jinja/python_text.h"

namespace lathe::jinja {
namespace {

using std::int64_t;

[[noreturn]] void overflow() { throw Fault("a whole number beyond 64 bits"); }

[[noreturn]] void unsupported(std::string_view op, const Value& a, const Value& b) {
  throw Fault(fmt::format("{} cannot be used between {} and {}", op, type_name(a), type_name(b)));
}

constexpr std::string_view kNames[] = {"+", "-", "*", "/", "//", "%", "**"};
std::string_view name_of(Operator op) { return kNames[static_cast<std::size_t>(op)]; }

void require_nonzero(bool is_zero) {
  if (is_zero) throw Fault("division by zero");
}

// Rounded down, as Python has it.
int64_t floor_div(int64_t a, int64_t b) {
  require_nonzero(b == 0);
  if (a == std::numeric_limits<int64_t>::min() && b == -1) overflow();
  const int64_t quotient = a / b;
  return a % b != 0 && (a % b < 0) != (b < 0) ? quotient - 1 : quotient;
}

int64_t modulo(int64_t a, int64_t b) {
  require_nonzero(b == 0);
  if (b == -1) return 0;
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

int64_t power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if (exponent % 2 != 0 && __builtin_mul_overflow(result, base, &result)) overflow();
    exponent /= 2;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) overflow();
  }
  return result;
}

Value whole_arithmetic(Operator op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case Operator::kAdd:
      if (__builtin_add_overflow(a, b, &result)) overflow();
      break;
    case Operator::kSub:
      if (__builtin_sub_overflow(a, b, &result)) overflow();
      break;
    case Operator::kMul:
      if (__builtin_mul_overflow(a, b, &result)) overflow();
      break;
    case Operator::kDiv:
      require_nonzero(b == 0);
      return Value::real(static_cast<double>(a) / static_cast<double>(b));
    case Operator::kFloorDiv:
      result = floor_div(a, b);
      break;
    case Operator::kMod:
      result = modulo(a, b);
      break;
    case Operator::kPow:
      if (b < 0) {
        require_nonzero(a == 0);
        return Value::real(std::pow(static_cast<double>(a), static_cast<double>(b)));
      }
      result = power(a, b);
      break;
  }
  return Value::integer(result);
}

double real_modulo(double a, double b) {
  require_nonzero(b == 0);
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

Value real_arithmetic(Operator op, double a, double b) {
  switch (op) {
    case Operator::kAdd:
      return Value::real(a + b);
    case Operator::kSub:
      return Value::real(a - b);
    case Operator::kMul:
      return Value::real(a * b);
    case Operator::kDiv:
      require_nonzero(b == 0);
      return Value::real(a / b);
    case Operator::kFloorDiv:
      require_nonzero(b == 0);
      return Value::real(std::floor(a / b));
    case Operator::kMod:
      return Value::real(real_modulo(a, b));
    case Operator::kPow:
      return Value::real(std::pow(a, b));
  }
  return {};
}

Value joined(Heap& heap, const Value& a, const Value& b) {
  heap.work(a.as_list().items.size() + b.as_list().items.size());
  List* const list = heap.new_list(a.as_list().items);
  list->items.insert(list->items.end(), b.as_list().items.begin(), b.as_list().items.end());
  return Value::list(list, a.kind());
}

Value concatenated(Heap& heap, std::string_view a, std::string_view b) {
  heap.work_on_bytes(a.size() + b.size());
  std::string both(a);
  both += b;
  return heap.text(both);
}

Value repeated(Heap& heap, const Value& what, int64_t times) {
  const auto n = static_cast<std::size_t>(std::max<int64_t>(times, 0));
  const std::size_t size = what.is_string() ? what.as_text().size() : what.as_list().items.size();
  if (size > 0 && n > heap.limits().memory_bytes / size) throw Fault("it takes too much memory");
  if (what.is_string()) {
    heap.work_on_bytes(n * size);
    std::string text;
    text.reserve(n * size);
    for (std::size_t i = 0; size > 0 && i < n; ++i) text += what.as_text();
    return heap.text(text);
  }
  heap.work(n * size);
  List* const list = heap.new_list();
  for (std::size_t i = 0; size > 0 && i < n; ++i) {
    const auto& items = what.as_list().items;
    list->items.insert(list->items.end(), items.begin(), items.end());
  }
  return Value::list(list, what.kind());
}

// Where both are numbers or both strings: -1, 0, 1; 2 for NaN.
int order_of(Heap& heap, const Value& a, const Value& b) {
  if (a.is_string()) {
    heap.work(1 + std::min(a.as_text().size(), b.as_text().size()) / 16);
    const int order = a.as_text().compare(b.as_text());
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  if (a.is_whole() && b.is_whole()) return a.as_int() < b.as_int() ? -1 : a.as_int() > b.as_int();
  const double x = a.as_real(), y = b.as_real();
  if (x != x || y != y) return 2;
  return x < y ? -1 : x > y ? 1 : 0;
}

bool are_ordered(const Value& a, const Value& b) {
  return (a.is_number() && b.is_number()) || (a.is_string() && b.is_string());
}

void check_depth(int depth) {
  if (depth > kMaxDepthOfData) throw Fault("its data are nested too deeply");
}

bool equal_dicts(Heap& heap, const Dict& a, const Dict& b, int depth) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* const other = find_entry(heap, b, key);
    if (other == nullptr || !equal(heap, value, *other, depth + 1)) return false;
  }
  return true;
}

// A bound of a slice within [0, n], as Python's slice.indices() has it.
int64_t bound_of(const Value& value, int64_t n, int64_t otherwise, bool backwards) {
  if (value.is_none() || value.is_undefined()) return otherwise;
  if (!value.is_whole()) throw Fault("the bounds of a slice are whole numbers");
  int64_t i = value.as_int();
  if (i < 0) i = i < -n ? -1 : i + n;
  if (i < 0) return backwards ? -1 : 0;
  return std::min(i, backwards ? n - 1 : n);
}

std::vector<std::size_t> slice_indices(Heap& heap, int64_t n, const Value& begin, const Value& end,
                                       const Value& step_value) {
  const bool has_step = !step_value.is_none() && !step_value.is_undefined();
  if (has_step && !step_value.is_whole()) throw Fault("the step of a slice is a whole number");
  const int64_t step = has_step ? step_value.as_int() : 1;
  if (step == 0) throw Fault("the step of a slice is zero");
  const bool backwards = step < 0;
  const int64_t first = bound_of(begin, n, backwards ? n - 1 : 0, backwards);
  const int64_t last = bound_of(end, n, backwards ? -1 : n, backwards);
  std::vector<std::size_t> indices;
  for (int64_t i = first; backwards ? i > last : i < last;) {
    heap.work(1);
    indices.push_back(static_cast<std::size_t>(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return indices;
}

Value no_attribute(Heap& heap, const Value& value, std::string_view name) {
  constexpr std::size_t kShown = 60;
  return Value::undefined(heap.text(fmt::format("'{} object' has no attribute '{}'",
                                                type_name(value), name.substr(0, kShown)))
                              .as_text());
}

// value[key] without what attributes give; null where there is no such item.
bool find_item(Heap& heap, const Value& value, const Value& key, Value* found) {
  if (value.is_dict()) {
    const Value* const entry = find_entry(heap, value.as_dict(), key);
    if (entry != nullptr) *found = *entry;
    return entry != nullptr;
  }
  if (!key.is_whole() || !(value.is_sequence() || value.is_string())) return false;
  const auto n = static_cast<int64_t>(length(heap, value));
  const int64_t i = key.as_int() < 0 ? key.as_int() + n : key.as_int();
  if (i < 0 || i >= n) return false;
  *found = value.is_string() ? Value::text(chars_of(value.as_text())[static_cast<std::size_t>(i)])
                             : value.as_list().items[static_cast<std::size_t>(i)];
  return true;
}

}  // namespace

void require_defined(const Value& value) {
  if (!value.is_undefined()) return;
  throw Fault(value.as_text().empty() ? "a value is undefined" : std::string(value.as_text()));
}

Value arithmetic(Heap& heap, Operator op, const Value& a, const Value& b) {
  require_defined(a);
  if (op == Operator::kMod && a.is_string()) return heap.text(percent_format(heap, a.as_text(), b));
  require_defined(b);
  if (a.is_whole() && b.is_whole()) return whole_arithmetic(op, a.as_int(), b.as_int());
  if (a.is_number() && b.is_number()) return real_arithmetic(op, a.as_real(), b.as_real());
  if (op == Operator::kAdd) {
    if (a.is_string() && b.is_string()) return concatenated(heap, a.as_text(), b.as_text());
    if (a.is_sequence() && a.kind() == b.kind()) return joined(heap, a, b);
  }
  if (op == Operator::kMul) {
    if ((a.is_string() || a.is_sequence()) && b.is_whole()) return repeated(heap, a, b.as_int());
    if ((b.is_string() || b.is_sequence()) && a.is_whole()) return repeated(heap, b, a.as_int());
  }
  unsupported(name_of(op), a, b);
}

Value negated(const Value& a) {
  require_defined(a);
  if (a.is_whole()) return whole_arithmetic(Operator::kSub, 0, a.as_int());
  if (a.is_number()) return Value::real(-a.as_real());
  throw Fault(fmt::format("- cannot be used with {}", type_name(a)));
}

bool truth(const Value& value) noexcept {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.as_int() != 0;
    case Kind::kFloat:
      return value.as_real() != 0;
    case Kind::kString:
      return !value.as_text().empty();
    case Kind::kList:
    case Kind::kTuple:
      return !value.as_list().items.empty();
    case Kind::kDict:
      return !value.as_dict().entries.empty();
    default:
      return true;
  }
}

bool equal(Heap& heap, const Value& a, const Value& b, int depth) {
  check_depth(depth);
  heap.work(1);
  if (are_ordered(a, b)) {
    if (a.is_string() && a.as_text().size() != b.as_text().size()) return false;
    return order_of(heap, a, b) == 0;
  }
  if (a.kind() != b.kind()) return false;
  if (a.is_same(b)) return true;
  if (a.is_dict()) return equal_dicts(heap, a.as_dict(), b.as_dict(), depth);
  if (!a.is_sequence()) return false;
  const auto& x = a.as_list().items;
  const auto& y = b.as_list().items;
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [&](const Value& v, const Value& w) { return equal(heap, v, w, depth + 1); });
}

bool less(Heap& heap, const Value& a, const Value& b, int depth) {
  check_depth(depth);
  heap.work(1);
  require_defined(a);
  require_defined(b);
  if (are_ordered(a, b)) return order_of(heap, a, b) == -1;
  if (!a.is_sequence() || a.kind() != b.kind()) unsupported("<", a, b);
  const auto& x = a.as_list().items;
  const auto& y = b.as_list().items;
  for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    if (!equal(heap, x[i], y[i], depth + 1)) return less(heap, x[i], y[i], depth + 1);
  }
  return x.size() < y.size();
}

bool compare(Heap& heap, Comparison op, const Value& a, const Value& b) {
  switch (op) {
    case Comparison::kEqual:
      return equal(heap, a, b);
    case Comparison::kNotEqual:
      return !equal(heap, a, b);
    case Comparison::kLess:
      return less(heap, a, b);
    case Comparison::kGreater:
      return less(heap, b, a);
    case Comparison::kLessEqual:
      return less(heap, a, b) || equal(heap, a, b);
    case Comparison::kGreaterEqual:
      return less(heap, b, a) || equal(heap, a, b);
    case Comparison::kIn:
      return contains(heap, b, a);
    case Comparison::kNotIn:
      return !contains(heap, b, a);
  }
  return false;
}

bool contains(Heap& heap, const Value& container, const Value& item) {
  if (container.is_string()) {
    require_defined(item);
    if (!item.is_string()) unsupported("in", item, container);
    heap.work_on_bytes(container.as_text().size());
    return find_text(container.as_text(), item.as_text()) != std::string_view::npos;
  }
  if (container.is_dict()) return find_entry(heap, container.as_dict(), item) != nullptr;
  for (const Value& candidate : items_of(heap, container)) {
    if (equal(heap, candidate, item)) return true;
  }
  return false;
}

std::size_t length(Heap& heap, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      heap.work_on_bytes(value.as_text().size());
      return n_chars(value.as_text());
    case Kind::kList:
    case Kind::kTuple:
      return value.as_list().items.size();
    case Kind::kDict:
      return value.as_dict().entries.size();
    default:
      throw Fault(fmt::format("a value of type {} has no length", type_name(value)));
  }
}

bool is_iterable(const Value& value) noexcept {
  return value.is_undefined() || value.is_string() || value.is_sequence() || value.is_dict() ||
         value.kind() == Kind::kGenerator;
}

std::span<const Value> items_of(Heap& heap, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return {};
    case Kind::kGenerator:
      if (std::exchange(value.as_list().used, true)) return {};
      return value.as_list().items;
    case Kind::kList:
    case Kind::kTuple:
      return value.as_list().items;
    case Kind::kString: {
      heap.work(value.as_text().size());
      List* const chars = heap.new_list();
      for (const std::string_view c : chars_of(value.as_text())) {
        chars->items.push_back(Value::text(c));
      }
      return chars->items;
    }
    case Kind::kDict: {
      heap.work(value.as_dict().entries.size());
      List* const keys = heap.new_list();
      for (const auto& entry : value.as_dict().entries) keys->items.push_back(entry.first);
      return keys->items;
    }
    default:
      throw Fault(fmt::format("a value of type {} cannot be walked through", type_name(value)));
  }
}

const Value* find_entry(Heap& heap, const Dict& dict, const Value& key) {
  if (key.is_sequence() && key.kind() == Kind::kList) throw Fault("a list cannot be a key");
  if (key.is_dict()) throw Fault("a dict cannot be a key");
  for (const auto& entry : dict.entries) {
    if (equal(heap, entry.first, key)) return &entry.second;
  }
  return nullptr;
}

const Value* find_entry(Heap& heap, const Dict& dict, std::string_view key) {
  return find_entry(heap, dict, Value::text(key));
}

void set_entry(Heap& heap, Dict& dict, const Value& key, const Value& value) {
  if (const Value* const old = find_entry(heap, dict, key)) {
    *const_cast<Value*>(old) = value;
  } else {
    dict.entries.emplace_back(key, value);
  }
}

Value slice(Heap& heap, const Value& value, const Value& begin, const Value& end,
            const Value& step) {
  require_defined(value);
  if (value.is_string()) {
    heap.work(value.as_text().size());
    const std::vector<std::string_view> chars = chars_of(value.as_text());
    std::string text;
    for (const std::size_t i :
         slice_indices(heap, static_cast<int64_t>(chars.size()), begin, end, step)) {
      text += chars[i];
    }
    return heap.text(text);
  }
  if (!value.is_sequence()) throw Fault(fmt::format("a {} has no slices", type_name(value)));
  List* const list = heap.new_list();
  const auto& items = value.as_list().items;
  for (const std::size_t i :
       slice_indices(heap, static_cast<int64_t>(items.size()), begin, end, step)) {
    list->items.push_back(items[i]);
  }
  return Value::list(list, value.kind());
}

Value attribute(Heap& heap, const Value& value, std::string_view name) {
  require_defined(value);
  Value found;
  if (find_method(heap, value, name, &found)) return found;
  if (value.kind() == Kind::kLoop) return loop_attribute(heap, value, name);
  if (value.kind() == Kind::kNamespace) {
    const Value* const entry = find_entry(heap, value.as_dict(), name);
    return entry != nullptr ? *entry : no_attribute(heap, value, name);
  }
  return find_item(heap, value, Value::text(name), &found) ? found
                                                           : no_attribute(heap, value, name);
}

Value item(Heap& heap, const Value& value, const Value& key) {
  require_defined(value);
  Value found;
  if (find_item(heap, value, key, &found)) return found;
  if (key.is_string()) {
    if (value.kind() == Kind::kNamespace || value.kind() == Kind::kLoop) {
      return attribute(heap, value, key.as_text());
    }
    if (find_method(heap, value, key.as_text(), &found)) return found;
    return no_attribute(heap, value, key.as_text());
  }
  return Value::undefined(heap.text(fmt::format("'{} object' has no element {}", type_name(value),
                                                repr_of(heap, key).substr(0, 40)))
                              .as_text());
}

}  // namespace lathe::jinja
