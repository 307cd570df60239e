// Filters that make text.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "runtime/text/jinja/filters.h"
#include "runtime/text/jinja/format.h"
#include "runtime/text/jinja/operators.h"
#include "runtime/text/jinja/print.h"
#include "runtime/text/jinja/python_text.h"

namespace lathe::jinja {
namespace {

constexpr std::int64_t kMaxWidth = 1000;
constexpr std::size_t kAll = std::string_view::npos;

template <std::string (*kMap)(std::string_view)>
Value mapped(Runtime& runtime, const Value& value, const Arguments& arguments) {
  NamedArguments(arguments, {});
  const std::string text = str_of(runtime.heap(), value);
  runtime.heap().work(text.size());
  return runtime.heap().text(kMap(text));
}

// Upper case where a word begins: at the start, and behind white space and - ( { [ <.
std::string filter_title(std::string_view text) {
  std::string out;
  bool at_start = true;
  constexpr std::string_view kStarts = "-({[<";
  for (const std::string_view c : chars_of(text)) {
    out += at_start ? upper(c) : lower(c);
    at_start = is_space(c) || (c.size() == 1 && kStarts.find(c[0]) != kStarts.npos);
  }
  return out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string url_quoted(std::string_view text) {
  constexpr std::string_view kSafe = "-._~/";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (plain || kSafe.find(c) != kSafe.npos)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string same(std::string_view text) { return std::string(text); }

Value trim(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"chars"});
  Heap& heap = runtime.heap();
  const Value text = value.is_string() ? value : heap.text(str_of(heap, value));
  heap.work_on_bytes(text.as_text().size());
  if (named.get("chars", Value::none()).is_none()) {
    return Value::text(stripped(text.as_text(), Side::kBoth));
  }
  const std::string_view chars = named.text("chars", {});
  heap.work_on_bytes(text.as_text().size() * (1 + chars.size()));
  return Value::text(stripped(text.as_text(), Side::kBoth, &chars));
}

Value replace(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"old", "new", "count"});
  Heap& heap = runtime.heap();
  const std::string text = str_of(heap, value);
  const std::string old = str_of(heap, named.require("old"));
  const std::string with = str_of(heap, named.require("new"));
  const Value count = named.get("count", Value::none());
  const bool all = count.is_none() || (count.is_whole() && count.as_int() < 0);
  const std::size_t most = all ? kAll : static_cast<std::size_t>(named.integer("count", 0));
  heap.work(1 + text.size() / 16);
  if (old.empty()) heap.work(text.size());
  const std::vector<std::string_view> parts =
      old.empty() ? chars_of(text) : split_at(text, old, most);
  heap.work(parts.size());
  heap.work_on_bytes(text.size() + parts.size() * with.size());
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    // Nothing is there before each character, and at the end.
    if (old.empty() ? i < most : i > 0) out += i > 0 || old.empty() ? with : "";
    out += parts[i];
  }
  if (old.empty() && parts.size() < most) out += with;
  return heap.text(out);
}

Value indent(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"width", "first", "blank"});
  Heap& heap = runtime.heap();
  const Value width = named.get("width", Value::integer(4));
  if (width.is_whole() && width.as_int() > kMaxWidth) throw Fault("a width beyond a thousand");
  const std::string unit =
      width.is_string()
          ? std::string(width.as_text())
          : std::string(
                static_cast<std::size_t>(std::max<std::int64_t>(0, named.integer("width", 4))),
                ' ');
  const std::string text = str_of(heap, value) + '\n';
  heap.work(text.size());
  const bool blank = named.flag("blank", false);
  std::string out = named.flag("first", false) ? unit : "";
  bool is_first = true;
  for (const std::string_view line : lines_of(text, false)) {
    if (!is_first) out += '\n';
    if (!is_first && (blank || !line.empty())) {
      heap.work_on_bytes(unit.size());
      out += unit;
    }
    is_first = false;
    out += line;
  }
  return heap.text(out);
}

Value truncate(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"length", "killwords", "end", "leeway"});
  Heap& heap = runtime.heap();
  const std::int64_t most = named.integer("length", 255);
  const std::int64_t leeway = named.integer("leeway", 5);
  const std::string_view end = named.text("end", "...");
  const auto n_end = static_cast<std::int64_t>(n_chars(end));
  if (most < n_end || leeway < 0) throw Fault("truncate() to less than its end");
  const Value text = heap.text(str_of(heap, value));
  const auto n = static_cast<std::int64_t>(length(heap, text));
  if (n <= leeway || n - leeway <= most) return text;
  std::string cut(
      slice(heap, text, Value::none(), Value::integer(most - n_end), Value::none()).as_text());
  if (!named.flag("killwords", false)) cut = cut.substr(0, cut.rfind(' '));
  return heap.text(cut + std::string(end));
}

Value center(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"width"});
  const Value text = runtime.heap().text(str_of(runtime.heap(), value));
  Value method;
  find_method(runtime.heap(), text, "center", &method);
  return runtime.call(method, {{Value::integer(named.integer("width", 80))}});
}

Value wordcount(Runtime& runtime, const Value& value, const Arguments&) {
  const std::string text = str_of(runtime.heap(), value);
  runtime.heap().work(text.size());
  std::int64_t n = 0;
  bool in_word = false;
  for (const std::string_view c : chars_of(text)) {
    const bool is_word = c == "_" || is_alphanumeric(c);
    n += is_word && !in_word ? 1 : 0;
    in_word = is_word;
  }
  return Value::integer(n);
}

Value format(Runtime& runtime, const Value& value, const Arguments& arguments) {
  Heap& heap = runtime.heap();
  const std::string text = str_of(heap, value);
  if (arguments.named.empty()) {
    return heap.text(percent_format(heap, text, heap.list(arguments.positional, Kind::kTuple)));
  }
  if (!arguments.positional.empty())
    throw Fault("format takes values in order or by name, not both");
  Dict* const named = heap.new_dict();
  for (const auto& [name, v] : arguments.named) set_entry(heap, *named, Value::text(name), v);
  return heap.text(percent_format(heap, text, Value::dict(named)));
}

// Hugging Face's: json.dumps without the escapes for HTML that Jinja2's own would add.
Value tojson(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  Heap& heap = runtime.heap();
  JsonStyle style;
  style.ascii = named.flag("ensure_ascii", false);
  style.sort_keys = named.flag("sort_keys", false);
  const Value indent = named.get("indent", Value::none());
  if (!indent.is_none()) {
    style.indented = true;
    style.item_separator = ',';
    if (indent.is_string()) {
      style.indent = indent.as_text();
    } else {
      const std::int64_t n = named.integer("indent", 0);
      if (n > kMaxWidth) throw Fault("a width beyond a thousand");
      style.indent = std::string(static_cast<std::size_t>(std::max<std::int64_t>(0, n)), ' ');
    }
  }
  const Value separators = named.get("separators", Value::none());
  if (!separators.is_none()) {
    const std::span<const Value> both = items_of(heap, separators);
    if (both.size() != 2 || !both[0].is_string() || !both[1].is_string()) {
      throw Fault("'separators' must be two strings");
    }
    style.item_separator = both[0].as_text();
    style.key_separator = both[1].as_text();
  }
  return heap.text(json_of(heap, value, style));
}

constexpr FilterEntry kFilters[] = {
    {"upper", mapped<upper>},
    {"lower", mapped<lower>},
    {"capitalize", mapped<capitalized>},
    {"title", mapped<filter_title>},
    {"string", mapped<same>},
    {"safe", mapped<same>},
    {"escape", mapped<escape_html>},
    {"e", mapped<escape_html>},
    {"forceescape", mapped<escape_html>},
    {"urlencode", mapped<url_quoted>},
    {"trim", trim},
    {"replace", replace},
    {"indent", indent},
    {"truncate", truncate},
    {"center", center},
    {"wordcount", wordcount},
    {"format", format},
    {"tojson", tojson},
};

}  // namespace

std::span<const FilterEntry> text_filters() noexcept { return kFilters; }

}  // namespace lathe::jinja
