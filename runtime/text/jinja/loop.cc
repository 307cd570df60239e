#include "runtime/text/jinja/loop.h"

#include <fmt/format.h>

#include "runtime/text/jinja/operators.h"

namespace lathe::jinja {
namespace {

Value cycle(Runtime&, const Value& self, const Arguments& arguments) {
  const auto& values = arguments.positional;
  if (values.empty()) throw Fault("loop.cycle() needs values");
  return values[self.as_loop().index % values.size()];
}

Value changed(Runtime& runtime, const Value& self, const Arguments& arguments) {
  Loop& loop = self.as_loop();
  const Value now = runtime.heap().list(arguments.positional, Kind::kTuple);
  if (equal(runtime.heap(), loop.last_changed, now)) return Value::boolean(false);
  loop.last_changed = now;
  return Value::boolean(true);
}

}  // namespace

Value loop_attribute(Heap& heap, const Value& value, std::string_view name) {
  Loop& loop = value.as_loop();
  const auto number = [](std::size_t n) { return Value::integer(static_cast<std::int64_t>(n)); };
  const auto method = [&](Native native) {
    return Value::function(heap.make<Function>(Function{name, native, value}));
  };
  const std::size_t n = loop.items.size(), i = loop.index;
  if (name == "index") return number(i + 1);
  if (name == "index0") return number(i);
  if (name == "revindex") return number(n - i);
  if (name == "revindex0") return number(n - i - 1);
  if (name == "first") return Value::boolean(i == 0);
  if (name == "last") return Value::boolean(i + 1 == n);
  if (name == "length") return number(n);
  if (name == "depth") return Value::integer(loop.depth + 1);
  if (name == "depth0") return Value::integer(loop.depth);
  if (name == "cycle") return method(cycle);
  if (name == "changed") return method(changed);
  if (name == "previtem") {
    return i > 0 ? loop.items[i - 1] : Value::undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return i + 1 < n ? loop.items[i + 1] : Value::undefined("there is no next item");
  }
  return Value::undefined("the loop has no such attribute");
}

}  // namespace lathe::jinja
