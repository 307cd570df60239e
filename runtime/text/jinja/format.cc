#include "runtime/text/jinja/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/text/jinja/operators.h"
#include "runtime/text/jinja/print.h"
#include "runtime/text/jinja/python_text.h"

namespace lathe::jinja {
namespace {

constexpr std::size_t kMaxWidth = 1000;
constexpr int kDefaultPrecision = 6;

// [[fill]align][sign][#][0][width][,][.precision][type]
struct Spec {
  std::string fill = " ";
  char align = 0;  // < > ^ =
  char sign = '-';
  bool alternate = false, commas = false;
  std::size_t width = 0;
  std::optional<std::size_t> precision{};
  char type = 0;
};

[[noreturn]] void malformed() { throw Fault("the format is malformed"); }

std::size_t take_number(std::string_view& text) {
  std::size_t n = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    n = n * 10 + static_cast<std::size_t>(text[0] - '0');
    if (n > kMaxWidth) throw Fault("a width beyond a thousand");
    text.remove_prefix(1);
  }
  return n;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

std::string padded(std::string text, const Spec& spec, char align) {
  const std::size_t n = n_chars(text);
  if (n >= spec.width) return text;
  const std::size_t missing = spec.width - n;
  std::size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string out, right;
  // '=': between the sign and the digits.
  if (align == '=' && !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ')) {
    out += text[0];
    text.erase(0, 1);
  }
  for (std::size_t i = 0; i < left; ++i) out += spec.fill;
  for (std::size_t i = left; i < missing; ++i) right += spec.fill;
  return out + text + right;
}

std::string with_commas(std::string digits) {
  const std::size_t end = std::min(digits.find_first_of(".e"), digits.size());
  for (std::size_t i = end; i > 3 && i - 3 > 0; i -= 3) {
    if (digits[i - 4] < '0' || digits[i - 4] > '9') break;
    digits.insert(i - 3, 1, ',');
  }
  return digits;
}

std::string with_sign(bool negative, std::string digits, const Spec& spec) {
  if (negative) return "-" + digits;
  if (spec.sign == '-') return digits;
  return spec.sign + digits;
}

std::string whole_text(std::int64_t value, const Spec& spec) {
  const bool negative = value < 0;
  const auto magnitude =
      negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::string digits;
  switch (spec.type) {
    case 'x':
      digits = spec.alternate ? fmt::format("{:#x}", magnitude) : fmt::format("{:x}", magnitude);
      break;
    case 'X':
      digits = spec.alternate ? fmt::format("{:#X}", magnitude) : fmt::format("{:X}", magnitude);
      break;
    case 'o':
      digits = (spec.alternate ? "0o" : "") + fmt::format("{:o}", magnitude);
      break;
    case 'b':
      digits = spec.alternate ? fmt::format("{:#b}", magnitude) : fmt::format("{:b}", magnitude);
      break;
    default:
      digits = std::to_string(magnitude);
  }
  if (spec.commas) digits = with_commas(digits);
  return with_sign(negative, digits, spec);
}

std::string real_text(double value, const Spec& spec) {
  const auto precision = static_cast<int>(spec.precision.value_or(kDefaultPrecision));
  const double magnitude = std::abs(value);
  std::string digits;
  switch (spec.type) {
    case 'e':
      digits = fmt::format("{:.{}e}", magnitude, precision);
      break;
    case 'g':
      digits = fmt::format("{:.{}g}", magnitude, precision);
      break;
    case 'f':
    case 'F':
      digits = fmt::format("{:.{}f}", magnitude, precision);
      break;
    case '%':
      digits = fmt::format("{:.{}f}%", magnitude * 100, precision);
      break;
    default:
      digits =
          spec.precision ? fmt::format("{:.{}g}", magnitude, precision) : float_text(magnitude);
  }
  if (spec.commas) digits = with_commas(digits);
  return with_sign(std::signbit(value), digits, spec);
}

std::string number_text(const Value& value, const Spec& spec) {
  require_defined(value);
  if (!value.is_number()) {
    throw Fault(fmt::format("the format needs a number, not {}", type_name(value)));
  }
  const bool whole_type = spec.type == 'd' || spec.type == 'i' || spec.type == 'u' ||
                          spec.type == 'x' || spec.type == 'X' || spec.type == 'o' ||
                          spec.type == 'b';
  if (value.is_whole() && (whole_type || spec.type == 0 || spec.type == 'n')) {
    return whole_text(value.as_int(), spec);
  }
  if (!whole_type) return real_text(value.as_real(), spec);
  constexpr double kLimit = 9.2e18;
  if (!(std::abs(value.as_real()) < kLimit)) throw Fault("a whole number beyond 64 bits");
  return whole_text(static_cast<std::int64_t>(value.as_real()), spec);
}

std::string cut(std::string text, const Spec& spec) {
  if (!spec.precision) return text;
  std::string out;
  std::size_t left = *spec.precision;
  for (const std::string_view c : chars_of(text)) {
    if (left-- == 0) break;
    out += c;
  }
  return out;
}

// ---- % ----

class PercentFormatter {
 public:
  PercentFormatter(Heap& heap, std::string_view format, const Value& values)
      : heap_(heap), rest_(format), values_(values) {}

  std::string run() {
    std::string out;
    while (!rest_.empty()) {
      const std::size_t at = std::min(rest_.find('%'), rest_.size());
      out += rest_.substr(0, at);
      rest_.remove_prefix(at);
      if (take(rest_, '%')) out += take(rest_, '%') ? "%" : conversion();
      heap_.work_on_bytes(at);
    }
    const bool is_tuple = values_.kind() == Kind::kTuple;
    if (!named_ && !values_.is_dict() && next_ < (is_tuple ? values_.as_list().items.size() : 1)) {
      throw Fault("the format has fewer places than values");
    }
    return out;
  }

 private:
  Value next_value() {
    const bool is_tuple = values_.kind() == Kind::kTuple;
    if (next_ >= (is_tuple ? values_.as_list().items.size() : 1)) {
      throw Fault("the format has more places than values");
    }
    return is_tuple ? values_.as_list().items[next_++] : (++next_, values_);
  }

  Value named_value(std::string_view name) {
    if (!values_.is_dict()) throw Fault("the format needs a dict");
    named_ = true;
    const Value* const value = find_entry(heap_, values_.as_dict(), name);
    if (value == nullptr)
      throw Fault(fmt::format("the format names '{}', which is not there", name));
    return *value;
  }

  std::string conversion() {
    heap_.work(1);
    std::optional<Value> value;
    if (take(rest_, '(')) {
      const std::size_t end = rest_.find(')');
      if (end == rest_.npos) malformed();
      value = named_value(rest_.substr(0, end));
      rest_.remove_prefix(end + 1);
    }
    Spec spec;
    char align = '>';
    for (;;) {
      if (take(rest_, '-'))
        align = '<';
      else if (take(rest_, '0'))
        spec.fill = '0';
      else if (take(rest_, '+'))
        spec.sign = '+';
      else if (take(rest_, ' '))
        spec.sign = spec.sign == '+' ? '+' : ' ';
      else if (take(rest_, '#'))
        spec.alternate = true;
      else
        break;
    }
    spec.width = take_number(rest_);
    if (take(rest_, '.')) spec.precision = take_number(rest_);
    if (rest_.empty()) malformed();
    spec.type = rest_[0];
    rest_.remove_prefix(1);
    return text_of(value ? *value : next_value(), spec, align);
  }

  std::string text_of(const Value& value, Spec spec, char align) {
    constexpr std::string_view kNumbers = "diuxXofFegG";
    if (kNumbers.find(spec.type) != kNumbers.npos) {
      if (align == '<') spec.fill = ' ';
      return padded(number_text(value, spec), spec, align == '>' && spec.fill == "0" ? '=' : align);
    }
    spec.fill = ' ';
    if (spec.type == 'r' || spec.type == 'a')
      return padded(cut(repr_of(heap_, value), spec), spec, align);
    if (spec.type == 's') return padded(cut(str_of(heap_, value), spec), spec, align);
    malformed();
  }

  Heap& heap_;
  std::string_view rest_;
  const Value& values_;
  std::size_t next_ = 0;
  bool named_ = false;
};

// ---- {} ----

Spec parse_spec(std::string_view text) {
  Spec spec;
  const std::vector<std::string_view> chars = chars_of(text.substr(0, 8));
  constexpr std::string_view kAligns = "<>^=";
  const auto is_align = [&](std::string_view c) {
    return c.size() == 1 && kAligns.find(c[0]) != kAligns.npos;
  };
  if (chars.size() > 1 && is_align(chars[1])) {
    spec.fill = chars[0];
    spec.align = chars[1][0];
    text.remove_prefix(chars[0].size() + 1);
  } else if (!chars.empty() && is_align(chars[0])) {
    spec.align = chars[0][0];
    text.remove_prefix(1);
  }
  for (const char sign : {'+', '-', ' '}) {
    if (take(text, sign)) spec.sign = sign;
  }
  spec.alternate = take(text, '#');
  if (take(text, '0') && spec.align == 0) {
    spec.fill = '0';
    spec.align = '=';
  }
  spec.width = take_number(text);
  spec.commas = take(text, ',');
  if (take(text, '.')) spec.precision = take_number(text);
  if (!text.empty()) {
    spec.type = text[0];
    text.remove_prefix(1);
  }
  if (!text.empty()) malformed();
  return spec;
}

class BraceFormatter {
 public:
  BraceFormatter(Heap& heap, std::string_view format, const Arguments& values)
      : heap_(heap), rest_(format), values_(values) {}

  std::string run() {
    std::string out;
    while (!rest_.empty()) {
      const std::size_t at = std::min(rest_.find_first_of("{}"), rest_.size());
      out += rest_.substr(0, at);
      rest_.remove_prefix(at);
      heap_.work_on_bytes(at);
      if (rest_.empty()) break;
      const char brace = rest_[0];
      rest_.remove_prefix(1);
      if (take(rest_, brace))
        out += brace;
      else if (brace == '{')
        out += field();
      else
        malformed();
    }
    return out;
  }

 private:
  std::string field() {
    const std::size_t end = rest_.find('}');
    if (end == rest_.npos) malformed();
    std::string_view inside = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    const std::size_t name_end = std::min(inside.find_first_of("!:"), inside.size());
    Value value = named(inside.substr(0, name_end));
    inside.remove_prefix(name_end);
    if (take(inside, '!')) {
      if (inside.empty()) malformed();
      value = heap_.text(inside[0] == 's' ? str_of(heap_, value) : repr_of(heap_, value));
      inside.remove_prefix(1);
    }
    if (!inside.empty() && !take(inside, ':')) malformed();
    return text_of(value, parse_spec(inside));
  }

  // "", "2", "name", and attributes and items of those: "user.name", "list[0]".
  Value named(std::string_view name) {
    const std::size_t end = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, end));
    name.remove_prefix(end);
    while (!name.empty()) {
      if (take(name, '.')) {
        const std::size_t next = std::min(name.find_first_of(".["), name.size());
        value = attribute(heap_, value, name.substr(0, next));
        name.remove_prefix(next);
      } else {
        take(name, '[');
        const std::size_t next = name.find(']');
        if (next == name.npos) malformed();
        value = item(heap_, value, key_of(name.substr(0, next)));
        name.remove_prefix(next + 1);
      }
      require_defined(value);
    }
    return value;
  }

  static bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  }
  static Value key_of(std::string_view text) {
    if (!is_number(text)) return Value::text(text);
    return Value::integer(static_cast<std::int64_t>(take_number(text)));
  }

  Value argument(std::string_view name) {
    if (name.empty() || is_number(name)) {
      const std::size_t i = name.empty() ? next_++ : take_number(name);
      if (i >= values_.positional.size()) throw Fault("the format has more places than values");
      return values_.positional[i];
    }
    for (const auto& [given, value] : values_.named) {
      if (given == name) return value;
    }
    throw Fault(fmt::format("the format names '{}', which is not there", name));
  }

  std::string text_of(const Value& value, const Spec& spec) {
    heap_.work(1);
    const bool as_number = value.is_number() && (value.kind() != Kind::kBool || spec.type != 0);
    if (as_number && spec.type != 's') {
      return padded(number_text(value, spec), spec, spec.align != 0 ? spec.align : '>');
    }
    if (spec.type != 0 && spec.type != 's') malformed();
    return padded(cut(str_of(heap_, value), spec), spec, spec.align != 0 ? spec.align : '<');
  }

  Heap& heap_;
  std::string_view rest_;
  const Arguments& values_;
  std::size_t next_ = 0;
};

}  // namespace

std::string percent_format(Heap& heap, std::string_view format, const Value& values) {
  return PercentFormatter(heap, format, values).run();
}

std::string brace_format(Heap& heap, std::string_view format, const Arguments& values) {
  return BraceFormatter(heap, format, values).run();
}

}  // namespace lathe::jinja
