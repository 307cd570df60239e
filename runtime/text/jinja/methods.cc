// The methods of strings, lists and dicts that change nothing.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "runtime/text/jinja/builtins.h"
#include "runtime/text/jinja/format.h"
#include "runtime/text/jinja/operators.h"
#include "runtime/text/jinja/print.h"
#include "runtime/text/jinja/python_text.h"

namespace lathe::jinja {
namespace {

constexpr std::size_t kAll = std::string_view::npos;
constexpr std::int64_t kMaxWidth = 1000;

// ---- of strings ----

void expect_none(const Arguments& arguments) { NamedArguments(arguments, {}); }

template <std::string (*kMap)(std::string_view)>
Value mapped(Runtime& runtime, const Value& self, const Arguments& arguments) {
  expect_none(arguments);
  runtime.heap().work(self.as_text().size());
  return runtime.heap().text(kMap(self.as_text()));
}

template <bool (*kHas)(std::string_view)>
Value asked(Runtime& runtime, const Value& self, const Arguments& arguments) {
  expect_none(arguments);
  runtime.heap().work(self.as_text().size());
  return Value::boolean(kHas(self.as_text()));
}

template <Side kSide>
Value strip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"chars"});
  const Value set = named.get("chars", Value::none());
  if (set.is_none()) {
    runtime.heap().work_on_bytes(self.as_text().size());
    return Value::text(stripped(self.as_text(), kSide));
  }
  const std::string_view chars = named.text("chars", {});
  runtime.heap().work(1 + chars.size());
  runtime.heap().work_on_bytes(self.as_text().size() * (1 + chars.size()));
  return Value::text(stripped(self.as_text(), kSide, &chars));
}

template <bool kFromRight>
Value split(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"sep", "maxsplit"});
  const std::int64_t limit = named.integer("maxsplit", -1);
  const std::size_t most = limit < 0 ? kAll : static_cast<std::size_t>(limit);
  const std::string_view text = self.as_text();
  runtime.heap().work(1 + text.size());
  std::vector<std::string_view> parts;
  if (named.get("sep", Value::none()).is_none()) {
    parts = kFromRight ? split_at_space_right(text, most) : split_at_space(text, most);
  } else {
    const std::string_view separator = named.text("sep", {});
    if (separator.empty()) throw Fault("the separator is empty");
    if (kFromRight) runtime.heap().work_on_bytes(text.size() * separator.size());
    parts = kFromRight ? split_at_right(text, separator, most) : split_at(text, separator, most);
  }
  List* const list = runtime.heap().new_list();
  for (const std::string_view part : parts) list->items.push_back(Value::text(part));
  return Value::list(list);
}

Value splitlines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"keepends"});
  runtime.heap().work(1 + self.as_text().size());
  List* const list = runtime.heap().new_list();
  for (const std::string_view line : lines_of(self.as_text(), named.flag("keepends", false))) {
    list->items.push_back(Value::text(line));
  }
  return Value::list(list);
}

template <bool kFromRight>
Value partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const std::string_view text = self.as_text();
  const NamedArguments named(arguments, {"sep"});
  const std::string_view separator = named.text("sep", {});
  if (separator.empty()) throw Fault("the separator is empty");
  runtime.heap().work_on_bytes(text.size() * (kFromRight ? separator.size() : 1));
  const std::size_t at = kFromRight ? text.rfind(separator) : find_text(text, separator);
  const Value empty = Value::text("");
  if (at == kAll) {
    return kFromRight ? runtime.heap().tuple({empty, empty, self})
                      : runtime.heap().tuple({self, empty, empty});
  }
  return runtime.heap().tuple({Value::text(text.substr(0, at)), Value::text(separator),
                               Value::text(text.substr(at + separator.size()))});
}

// The part that find(), count(), startswith() look at, by their bounds in characters.
struct Part {
  std::string_view text;
  std::size_t first_char = 0;
};

std::int64_t clamped(std::int64_t i, std::int64_t n) {
  if (i < 0) i = i < -n ? 0 : i + n;
  return std::min(i, n);
}

Part part_of(Heap& heap, const Value& self, const NamedArguments& named) {
  const std::string_view text = self.as_text();
  if (named.find("start") == nullptr && named.find("end") == nullptr) return {text};
  heap.work(1 + text.size());
  const std::vector<std::string_view> chars = chars_of(text);
  const auto n = static_cast<std::int64_t>(chars.size());
  const std::int64_t first = clamped(named.integer("start", 0), n);
  const std::int64_t end = std::max(first, clamped(named.integer("end", n), n));
  const auto offset = [&](std::int64_t i) {
    return i == n
               ? text.size()
               : static_cast<std::size_t>(chars[static_cast<std::size_t>(i)].data() - text.data());
  };
  return {text.substr(offset(first), offset(end) - offset(first)), static_cast<std::size_t>(first)};
}

template <bool kFromRight, bool kMustBeThere>
Value find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"sub", "start", "end"});
  const std::string_view sub = named.text("sub", {});
  const Part part = part_of(runtime.heap(), self, named);
  runtime.heap().work_on_bytes(part.text.size() * (kFromRight ? 1 + sub.size() : 1));
  const std::size_t at = kFromRight ? part.text.rfind(sub) : find_text(part.text, sub);
  if (at == kAll) {
    if (kMustBeThere) throw Fault("the text has no such part");
    return Value::integer(-1);
  }
  return Value::integer(
      static_cast<std::int64_t>(part.first_char + n_chars(part.text.substr(0, at))));
}

Value count_text(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"sub", "start", "end"});
  const std::string_view sub = named.text("sub", {});
  const Part part = part_of(runtime.heap(), self, named);
  runtime.heap().work(1 + part.text.size());
  if (sub.empty()) return Value::integer(static_cast<std::int64_t>(n_chars(part.text)) + 1);
  const std::size_t n = split_at(part.text, sub, kAll).size() - 1;
  return Value::integer(static_cast<std::int64_t>(n));
}

template <bool kEnd>
Value begins_or_ends(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"prefix", "start", "end"});
  const Value wanted = named.require("prefix");
  const Part part = part_of(runtime.heap(), self, named);
  const auto matches = [&](const Value& v) {
    if (!v.is_string()) throw Fault("startswith() and endswith() take strings");
    runtime.heap().work_on_bytes(v.as_text().size());
    return kEnd ? part.text.ends_with(v.as_text()) : part.text.starts_with(v.as_text());
  };
  if (wanted.kind() != Kind::kTuple) return Value::boolean(matches(wanted));
  const auto& all = wanted.as_list().items;
  return Value::boolean(std::any_of(all.begin(), all.end(), matches));
}

template <bool kEnd>
Value remove_affix(Runtime&, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"affix"});
  const std::string_view affix = named.text("affix", {});
  std::string_view text = self.as_text();
  if (kEnd && text.ends_with(affix)) text.remove_suffix(affix.size());
  if (!kEnd && text.starts_with(affix)) text.remove_prefix(affix.size());
  return Value::text(text);
}

Value replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return find_filter("replace")(runtime, self, arguments);
}

Value join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"iterable"});
  std::string text;
  bool first = true;
  for (const Value& item : items_of(runtime.heap(), named.require("iterable"))) {
    if (!item.is_string()) throw Fault("join() takes strings");
    if (!first) text += self.as_text();
    first = false;
    runtime.heap().work_on_bytes(self.as_text().size() + item.as_text().size());
    text += item.as_text();
  }
  return runtime.heap().text(text);
}

std::string repeated(std::string_view fill, std::int64_t n) {
  std::string out;
  for (std::int64_t i = 0; i < n; ++i) out += fill;
  return out;
}

template <Side kSide>  // of the text
Value justify(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"width", "fillchar"});
  const std::int64_t width = named.integer("width", 0);
  if (width > kMaxWidth) throw Fault("a width beyond a thousand");
  const std::string_view fill = named.text("fillchar", " ");
  if (n_chars(fill) != 1) throw Fault("the fill character must be one");
  const auto n = static_cast<std::int64_t>(length(runtime.heap(), self));
  const std::int64_t missing = std::max<std::int64_t>(0, width - n);
  std::int64_t left = kSide == Side::kLeft ? 0 : missing;
  // As Python's center() has it.
  if (kSide == Side::kBoth) left = missing / 2 + (missing % 2 != 0 && width % 2 != 0 ? 1 : 0);
  return runtime.heap().text(repeated(fill, left) + std::string(self.as_text()) +
                             repeated(fill, missing - left));
}

Value zfill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"width"});
  const std::int64_t width = named.integer("width", 0);
  if (width > kMaxWidth) throw Fault("a width beyond a thousand");
  std::string_view text = self.as_text();
  const auto n = static_cast<std::int64_t>(length(runtime.heap(), self));
  std::string sign;
  if (text.starts_with('-') || text.starts_with('+')) {
    sign = text[0];
    text.remove_prefix(1);
  }
  return runtime.heap().text(sign + repeated("0", width - n) + std::string(text));
}

Value format(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return runtime.heap().text(brace_format(runtime.heap(), self.as_text(), arguments));
}

// ---- of lists ----

Value count_items(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"value"});
  const Value wanted = named.require("value");
  const auto& items = self.as_list().items;
  return Value::integer(std::count_if(items.begin(), items.end(), [&](const Value& v) {
    return equal(runtime.heap(), v, wanted);
  }));
}

Value index_of(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"value"});
  const Value wanted = named.require("value");
  const auto& items = self.as_list().items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (equal(runtime.heap(), items[i], wanted)) {
      return Value::integer(static_cast<std::int64_t>(i));
    }
  }
  throw Fault("the list has no such item");
}

Value copy(Runtime&, const Value& self, const Arguments& arguments) {
  expect_none(arguments);
  return self;  // neither is ever changed
}

// ---- of dicts ----

Value keys(Runtime& runtime, const Value& self, const Arguments& arguments) {
  expect_none(arguments);
  return runtime.heap().list(items_of(runtime.heap(), self));
}

Value values(Runtime& runtime, const Value& self, const Arguments& arguments) {
  expect_none(arguments);
  List* const list = runtime.heap().new_list();
  for (const auto& entry : self.as_dict().entries) list->items.push_back(entry.second);
  return Value::list(list);
}

Value items(Runtime& runtime, const Value& self, const Arguments& arguments) {
  expect_none(arguments);
  List* const list = runtime.heap().new_list();
  for (const auto& [key, value] : self.as_dict().entries) {
    list->items.push_back(runtime.heap().tuple({key, value}));
  }
  return Value::list(list);
}

Value get(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const NamedArguments named(arguments, {"key", "default"});
  const Value* const entry = find_entry(runtime.heap(), self.as_dict(), named.require("key"));
  return entry != nullptr ? *entry : named.get("default", Value::none());
}

// What changes a list or a dict is known by name, so that a template that tries learns why not.
Value forbidden(Runtime&, const Value&, const Arguments&) {
  throw Fault("templates may not change lists and dicts; a namespace can be changed");
}

struct Method {
  std::string_view name;
  Native native;
};

constexpr Method kOfStrings[] = {
    {"upper", mapped<upper>},
    {"lower", mapped<lower>},
    {"casefold", mapped<lower>},
    {"capitalize", mapped<capitalized>},
    {"title", mapped<title_cased>},
    {"swapcase", mapped<swapped_case>},
    {"isupper", asked<is_upper>},
    {"islower", asked<is_lower>},
    {"isalpha", asked<is_alphabetic>},
    {"isalnum", asked<is_alphanumeric>},
    {"isdigit", asked<is_digits>},
    {"isdecimal", asked<is_digits>},
    {"isnumeric", asked<is_digits>},
    {"isspace", asked<is_all_space>},
    {"strip", strip<Side::kBoth>},
    {"lstrip", strip<Side::kLeft>},
    {"rstrip", strip<Side::kRight>},
    {"split", split<false>},
    {"rsplit", split<true>},
    {"splitlines", splitlines},
    {"partition", partition<false>},
    {"rpartition", partition<true>},
    {"find", find<false, false>},
    {"rfind", find<true, false>},
    {"index", find<false, true>},
    {"rindex", find<true, true>},
    {"count", count_text},
    {"startswith", begins_or_ends<false>},
    {"endswith", begins_or_ends<true>},
    {"removeprefix", remove_affix<false>},
    {"removesuffix", remove_affix<true>},
    {"replace", replace},
    {"join", join},
    {"ljust", justify<Side::kLeft>},
    {"rjust", justify<Side::kRight>},
    {"center", justify<Side::kBoth>},
    {"zfill", zfill},
    {"format", format},
};

constexpr Method kOfLists[] = {
    {"count", count_items}, {"index", index_of},    {"copy", copy},      {"append", forbidden},
    {"extend", forbidden},  {"insert", forbidden},  {"pop", forbidden},  {"remove", forbidden},
    {"clear", forbidden},   {"reverse", forbidden}, {"sort", forbidden},
};
constexpr Method kOfTuples[] = {{"count", count_items}, {"index", index_of}};

constexpr Method kOfDicts[] = {
    {"items", items},       {"keys", keys},        {"values", values},
    {"get", get},           {"copy", copy},        {"pop", forbidden},
    {"clear", forbidden},   {"update", forbidden}, {"setdefault", forbidden},
    {"popitem", forbidden},
};

std::span<const Method> methods_of(const Value& value) noexcept {
  switch (value.kind()) {
    case Kind::kString:
      return kOfStrings;
    case Kind::kList:
      return kOfLists;
    case Kind::kTuple:
      return kOfTuples;
    case Kind::kDict:
      return kOfDicts;
    default:
      return {};
  }
}

}  // namespace

bool find_method(Heap& heap, const Value& value, std::string_view name, Value* found) {
  for (const Method& method : methods_of(value)) {
    if (method.name != name) continue;
    heap.work(1);
    *found = Value::function(heap.make<Function>(Function{method.name, method.native, value}));
    return true;
  }
  return false;
}

}  // namespace lathe::jinja
