// The tests of templates: what stands behind `is`.
#include <fmt/format.h>

#include "runtime/text/jinja/builtins.h"
#include "runtime/text/jinja/operators.h"
#include "runtime/text/jinja/print.h"
#include "runtime/text/jinja/python_text.h"

namespace lathe::jinja {
namespace {

template <Comparison kOp>
bool compared(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"other"});
  return compare(runtime.heap(), kOp, value, named.require("other"));
}

template <Kind kKind>
bool is_kind(Runtime&, const Value& value, const Arguments&) {
  return value.kind() == kKind;
}

bool is_defined(Runtime&, const Value& value, const Arguments&) { return !value.is_undefined(); }
bool is_true(Runtime&, const Value& value, const Arguments&) {
  return value.kind() == Kind::kBool && truth(value);
}
bool is_false(Runtime&, const Value& value, const Arguments&) {
  return value.kind() == Kind::kBool && !truth(value);
}
bool is_number(Runtime&, const Value& value, const Arguments&) { return value.is_number(); }
bool can_be_walked(Runtime&, const Value& value, const Arguments&) { return is_iterable(value); }
bool is_sequence(Runtime&, const Value& value, const Arguments&) {
  return value.is_undefined() || value.is_string() || value.is_sequence() || value.is_dict();
}
bool is_same(Runtime&, const Value& value, const Arguments& arguments) {
  return value.is_same(NamedArguments(arguments, {"other"}).require("other"));
}

std::int64_t whole(const Value& value) {
  require_defined(value);
  if (!value.is_whole()) throw Fault(fmt::format("a {} is no whole number", type_name(value)));
  return value.as_int();
}
bool is_odd(Runtime&, const Value& value, const Arguments&) { return whole(value) % 2 != 0; }
bool is_even(Runtime&, const Value& value, const Arguments&) { return whole(value) % 2 == 0; }
bool is_divisible(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Value by = NamedArguments(arguments, {"num"}).require("num");
  return !truth(arithmetic(runtime.heap(), Operator::kMod, value, by));
}

bool is_upper_text(Runtime& runtime, const Value& value, const Arguments&) {
  return is_upper(str_of(runtime.heap(), value));
}
bool is_lower_text(Runtime& runtime, const Value& value, const Arguments&) {
  return is_lower(str_of(runtime.heap(), value));
}

bool names_filter(Runtime&, const Value& value, const Arguments&) {
  return value.is_string() && find_filter(value.as_text()) != nullptr;
}
bool names_test(Runtime&, const Value& value, const Arguments&) {
  return value.is_string() && find_test(value.as_text()) != nullptr;
}

struct Entry {
  std::string_view name;
  Test test;
};
constexpr Entry kTests[] = {
    {"defined", is_defined},
    {"undefined", is_kind<Kind::kUndefined>},
    {"none", is_kind<Kind::kNone>},
    {"boolean", is_kind<Kind::kBool>},
    {"true", is_true},
    {"false", is_false},
    {"integer", is_kind<Kind::kInt>},
    {"float", is_kind<Kind::kFloat>},
    {"number", is_number},
    {"string", is_kind<Kind::kString>},
    {"mapping", is_kind<Kind::kDict>},
    {"sequence", is_sequence},
    {"iterable", can_be_walked},
    {"callable", is_kind<Kind::kFunction>},
    {"sameas", is_same},
    {"odd", is_odd},
    {"even", is_even},
    {"divisibleby", is_divisible},
    {"upper", is_upper_text},
    {"lower", is_lower_text},
    {"filter", names_filter},
    {"test", names_test},
    {"in", compared<Comparison::kIn>},
    {"eq", compared<Comparison::kEqual>},
    {"==", compared<Comparison::kEqual>},
    {"equalto", compared<Comparison::kEqual>},
    {"ne", compared<Comparison::kNotEqual>},
    {"!=", compared<Comparison::kNotEqual>},
    {"lt", compared<Comparison::kLess>},
    {"<", compared<Comparison::kLess>},
    {"lessthan", compared<Comparison::kLess>},
    {"le", compared<Comparison::kLessEqual>},
    {"<=", compared<Comparison::kLessEqual>},
    {"gt", compared<Comparison::kGreater>},
    {">", compared<Comparison::kGreater>},
    {"greaterthan", compared<Comparison::kGreater>},
    {"ge", compared<Comparison::kGreaterEqual>},
    {">=", compared<Comparison::kGreaterEqual>},
};

}  // namespace

Test find_test(std::string_view name) noexcept {
  for (const Entry& entry : kTests) {
    if (entry.name == name) return entry.test;
  }
  return nullptr;
}

}  // namespace lathe::jinja
