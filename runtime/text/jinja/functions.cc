// The global functions of templates: Jinja2's own, and the two that Hugging Face adds.
#include <fmt/format.h>

#include <array>
#include <string>

#include "runtime/text/jinja/builtins.h"
#include "runtime/text/jinja/loop.h"
#include "runtime/text/jinja/operators.h"
#include "runtime/text/jinja/print.h"

namespace lathe::jinja {
namespace {

constexpr std::int64_t kMaxRange = 100'000;  // Jinja2's sandbox has the same

// [begin,] end [, step]
Value range(Runtime& runtime, const Value&, const Arguments& arguments) {
  const auto& given = arguments.positional;
  if (given.empty() || given.size() > 3 || !arguments.named.empty()) {
    throw Fault("range() takes one to three whole numbers");
  }
  for (const Value& v : given) {
    require_defined(v);
    if (!v.is_whole()) throw Fault("range() takes whole numbers");
  }
  const std::int64_t begin = given.size() > 1 ? given[0].as_int() : 0;
  const std::int64_t end = given.size() > 1 ? given[1].as_int() : given[0].as_int();
  const std::int64_t step = given.size() > 2 ? given[2].as_int() : 1;
  if (step == 0) throw Fault("the step of range() is zero");
  List* const list = runtime.heap().new_list();
  for (std::int64_t i = begin; step > 0 ? i < end : i > end;) {
    runtime.heap().work(1);
    if (static_cast<std::int64_t>(list->items.size()) == kMaxRange) {
      throw Fault(fmt::format("a range of more than {} numbers", kMaxRange));
    }
    list->items.push_back(Value::integer(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return Value::list(list);
}

// Of pairs, of another dict, and of named arguments.
Dict* entries_from(Runtime& runtime, const Arguments& arguments) {
  Heap& heap = runtime.heap();
  Dict* const dict = heap.new_dict();
  for (const Value& given : arguments.positional) {
    if (given.is_dict()) {
      for (const auto& [key, value] : given.as_dict().entries) set_entry(heap, *dict, key, value);
      continue;
    }
    for (const Value& pair : items_of(heap, given)) {
      const std::span<const Value> both = items_of(heap, pair);
      if (both.size() != 2) throw Fault("a dict is made of pairs");
      set_entry(heap, *dict, both[0], both[1]);
    }
  }
  for (const auto& [name, value] : arguments.named)
    set_entry(heap, *dict, Value::text(name), value);
  return dict;
}

Value make_dict(Runtime& runtime, const Value&, const Arguments& arguments) {
  return Value::dict(entries_from(runtime, arguments));
}
Value make_namespace(Runtime& runtime, const Value&, const Arguments& arguments) {
  return Value::dict(entries_from(runtime, arguments), Kind::kNamespace);
}

// joiner(", "): empty the first time it is called. Its state is a generator's.
Value join_next(Runtime&, const Value& self, const Arguments&) {
  List& state = self.as_list();
  if (!std::exchange(state.used, true)) return Value::text("");
  return state.items[0];
}
Value joiner(Runtime& runtime, const Value&, const Arguments& arguments) {
  const NamedArguments named(arguments, {"sep"});
  const Value separator = named.get("sep", Value::text(", "));
  const Value state = runtime.heap().list({&separator, 1});
  return Value::function(runtime.heap().make<Function>(Function{"joiner", join_next, state}));
}

// Why the template refuses the conversation, in its author's words.
Value raise_exception(Runtime& runtime, const Value&, const Arguments& arguments) {
  const NamedArguments named(arguments, {"message"});
  throw Fault("the template refuses: " + str_of(runtime.heap(), named.require("message")));
}

Value strftime_now(Runtime& runtime, const Value&, const Arguments& arguments) {
  const NamedArguments named(arguments, {"format"});
  const std::string format(named.text("format", "%Y-%m-%d"));
  const std::time_t now = runtime.now();
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 1024> buffer{};
  // One character more, as an empty result and one that is too long look the same.
  const std::size_t n = std::strftime(buffer.data(), buffer.size(), (format + '.').c_str(), &local);
  if (n == 0) throw Fault("the date is too long");
  return runtime.heap().text({buffer.data(), n - 1});
}

struct Entry {
  std::string_view name;
  Native native;
};
constexpr Entry kFunctions[] = {
    {"range", range},
    {"dict", make_dict},
    {"joiner", joiner},
    {"namespace", make_namespace},
    {"raise_exception", raise_exception},
    {"strftime_now", strftime_now},
};

}  // namespace

Native find_function(std::string_view name) noexcept {
  for (const Entry& entry : kFunctions) {
    if (entry.name == name) return entry.native;
  }
  return nullptr;
}

}  // namespace lathe::jinja
