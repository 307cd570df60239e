#include "runtime/text/jinja/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/text/jinja/python_text.h"
#include "runtime/text/utf8.h"

namespace lathe::jinja {
namespace {

void append_repr(Heap& heap, const Value& value, std::string& out, int depth);

void append_escape(std::string& out, char32_t c) {
  if (c < 0x100)
    out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
  else if (c < 0x10000)
    out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
  else
    out += fmt::format("\\U{:08x}", static_cast<unsigned>(c));
}

// In single quotes, or in double ones where that saves escapes.
void append_quoted(std::string_view text, std::string& out) {
  const bool has_single = text.find('\'') != text.npos;
  const char quote = has_single && text.find('"') == text.npos ? '"' : '\'';
  out += quote;
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    const std::string_view bytes = text.substr(pos, c.length);
    pos += c.length;
    if (bytes == "\n") {
      out += "\\n";
    } else if (bytes == "\r") {
      out += "\\r";
    } else if (bytes == "\t") {
      out += "\\t";
    } else if (bytes == "\\" || bytes[0] == quote) {
      out += '\\';
      out += bytes;
    } else if (c.status == Utf8Status::kValid && !is_printable(c.code_point)) {
      append_escape(out, c.code_point);
    } else {
      out += bytes;
    }
  }
  out += quote;
}

void append_items(Heap& heap, const List& list, std::string& out, int depth) {
  bool first = true;
  for (const Value& item : list.items) {
    if (!first) out += ", ";
    first = false;
    append_repr(heap, item, out, depth + 1);
  }
}

void append_entries(Heap& heap, const Dict& dict, std::string& out, int depth) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : dict.entries) {
    if (!first) out += ", ";
    first = false;
    append_repr(heap, key, out, depth + 1);
    out += ": ";
    append_repr(heap, value, out, depth + 1);
  }
  out += '}';
}

void check_depth(int depth) {
  if (depth > kMaxDepthOfData) throw Fault("its data are nested too deeply");
}

void append_repr(Heap& heap, const Value& value, std::string& out, int depth) {
  check_depth(depth);
  heap.work(1);
  switch (value.kind()) {
    case Kind::kUndefined:
      out += "Undefined";
      return;
    case Kind::kNone:
      out += "None";
      return;
    case Kind::kBool:
      out += value.as_int() != 0 ? "True" : "False";
      return;
    case Kind::kInt:
      out += std::to_string(value.as_int());
      return;
    case Kind::kFloat:
      out += float_text(value.as_real());
      return;
    case Kind::kString:
      heap.work_on_bytes(value.as_text().size());
      append_quoted(value.as_text(), out);
      return;
    case Kind::kList:
      out += '[';
      append_items(heap, value.as_list(), out, depth);
      out += ']';
      return;
    case Kind::kTuple:
      out += '(';
      append_items(heap, value.as_list(), out, depth);
      out += value.as_list().items.size() == 1 ? ",)" : ")";
      return;
    case Kind::kDict:
      append_entries(heap, value.as_dict(), out, depth);
      return;
    case Kind::kNamespace:
      out += "<Namespace ";
      append_entries(heap, value.as_dict(), out, depth);
      out += '>';
      return;
    case Kind::kGenerator:
    case Kind::kFunction:
    case Kind::kLoop:
      out += fmt::format("<{}>", type_name(value));
      return;
  }
}

// ---- JSON ----

class JsonWriter {
 public:
  JsonWriter(Heap& heap, const JsonStyle& style) : heap_(heap), style_(style) {}

  std::string write(const Value& value) {
    append(value, 0);
    return std::move(out_);
  }

 private:
  void append(const Value& value, int depth) {
    check_depth(depth);
    heap_.work(1);
    switch (value.kind()) {
      case Kind::kNone:
        out_ += "null";
        return;
      case Kind::kBool:
        out_ += value.as_int() != 0 ? "true" : "false";
        return;
      case Kind::kInt:
        out_ += std::to_string(value.as_int());
        return;
      case Kind::kFloat:
        append_number(value.as_real());
        return;
      case Kind::kString:
        append_text(value.as_text());
        return;
      case Kind::kList:
      case Kind::kTuple:
        append_list(value.as_list(), depth);
        return;
      case Kind::kDict:
        append_dict(value.as_dict(), depth);
        return;
      default:
        throw Fault(fmt::format("a value of type {} has no JSON form", type_name(value)));
    }
  }

  void append_number(double x) {
    if (std::isnan(x))
      out_ += "NaN";
    else if (std::isinf(x))
      out_ += x > 0 ? "Infinity" : "-Infinity";
    else
      out_ += float_text(x);
  }

  void append_text(std::string_view text) {
    heap_.work_on_bytes(text.size());
    out_ += '"';
    for (std::size_t pos = 0; pos < text.size();) {
      const Utf8Char c = decode_utf8(text, pos);
      append_char(text.substr(pos, c.length), c);
      pos += c.length;
    }
    out_ += '"';
  }

  void append_char(std::string_view bytes, const Utf8Char& c) {
    constexpr std::string_view kPlain = "\"\\\n\r\t\f\b", kLetters = "\"\\nrtfb";
    const std::size_t at = bytes.size() == 1 ? kPlain.find(bytes[0]) : kPlain.npos;
    if (at != kPlain.npos) {
      out_ += '\\';
      out_ += kLetters[at];
    } else if (c.status == Utf8Status::kValid &&
               (c.code_point < 0x20 || (style_.ascii && c.code_point > 0x7E))) {
      append_utf16(c.code_point);
    } else {
      out_ += bytes;
    }
  }

  void append_utf16(char32_t c) {
    if (c >= 0x10000) {
      const char32_t rest = c - 0x10000;
      out_ += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + static_cast<unsigned>(rest >> 10),
                          0xDC00 + static_cast<unsigned>(rest & 0x3FF));
    } else {
      out_ += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    }
  }

  void new_line(int depth) {
    if (!style_.indented) return;
    const std::size_t bytes = style_.indent.size() * static_cast<std::size_t>(depth);
    heap_.work_on_bytes(bytes);
    out_ += '\n';
    for (int i = 0; i < depth; ++i) out_ += style_.indent;
  }

  void append_list(const List& list, int depth) {
    if (list.items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    bool first = true;
    for (const Value& item : list.items) {
      if (!first) out_ += style_.item_separator;
      first = false;
      new_line(depth + 1);
      append(item, depth + 1);
    }
    new_line(depth);
    out_ += ']';
  }

  void append_dict(const Dict& dict, int depth) {
    if (dict.entries.empty()) {
      out_ += "{}";
      return;
    }
    out_ += '{';
    bool first = true;
    for (const auto& [key, value] : entries_of(dict)) {
      if (!first) out_ += style_.item_separator;
      first = false;
      new_line(depth + 1);
      append_key(key);
      out_ += style_.key_separator;
      append(value, depth + 1);
    }
    new_line(depth);
    out_ += '}';
  }

  std::vector<std::pair<Value, Value>> entries_of(const Dict& dict) {
    heap_.work(dict.entries.size());
    std::vector<std::pair<Value, Value>> entries(dict.entries.begin(), dict.entries.end());
    if (!style_.sort_keys) return entries;
    for (const auto& entry : entries) {
      if (!entry.first.is_string()) throw Fault("sort_keys needs keys that are strings");
      heap_.work_on_bytes(16 * entry.first.as_text().size());
    }
    std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return a.first.as_text() < b.first.as_text();
    });
    return entries;
  }

  void append_key(const Value& key) {
    if (key.is_string()) {
      append_text(key.as_text());
      return;
    }
    if (!key.is_number() && !key.is_none()) {
      throw Fault(fmt::format("a key of type {} has no JSON form", type_name(key)));
    }
    out_ += '"';
    append(key, 0);
    out_ += '"';
  }

  Heap& heap_;
  const JsonStyle& style_;
  std::string out_;
};

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

void append_str(Heap& heap, const Value& value, std::string& out) {
  if (value.is_undefined()) return;
  if (value.is_string()) {
    heap.work_on_bytes(value.as_text().size());
    out += value.as_text();
  } else {
    append_repr(heap, value, out, 0);
  }
}

std::string str_of(Heap& heap, const Value& value) {
  std::string out;
  append_str(heap, value, out);
  return out;
}

std::string repr_of(Heap& heap, const Value& value) {
  std::string out;
  append_repr(heap, value, out, 0);
  return out;
}

std::string json_of(Heap& heap, const Value& value, const JsonStyle& style) {
  return JsonWriter(heap, style).write(value);
}

}  // namespace lathe::jinja
