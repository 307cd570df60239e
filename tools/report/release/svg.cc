#include "tools/report/release/svg.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace lathe {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

void put_escaped(std::string& out, std::string_view character) {
  switch (character.front()) {
    case '&':
      out += "&amp;";
      return;
    case '<':
      out += "&lt;";
      return;
    case '>':
      out += "&gt;";
      return;
    case '"':
      out += "&quot;";
      return;
    case '\'':
      out += "&#39;";
      return;
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(character.front());
  if (byte == '\n' || byte == '\t') {
    out += ' ';
  } else if (byte < 0x20 || byte == 0x7f) {
    out += kReplacement;
  } else {
    out += character;
  }
}

std::string hint_element(std::string_view hint) {
  return hint.empty() ? "" : fmt::format("<title>{}</title>", html_text(hint));
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t code = 0;
    const auto left = static_cast<utf8proc_ssize_t>(text.size() - at);
    const utf8proc_ssize_t n = utf8proc_iterate(bytes + at, left, &code);
    // Those that XML has no place for, too.
    const bool bad = n <= 0 || (code >= 0x80 && code < 0xa0) || code == 0xfffe || code == 0xffff;
    if (bad) {
      out += kReplacement;
    } else {
      put_escaped(out, text.substr(at, static_cast<std::size_t>(n)));
    }
    at += n <= 0 ? 1 : static_cast<std::size_t>(n);
  }
  return out;
}

std::string px(double x) {
  if (!std::isfinite(x)) return "0";
  std::string out = fmt::format("{:.1f}", x);
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out == "-0" ? "0" : out;
}

Scale::Scale(double low, double high, double from, double to, bool logarithmic)
    : low_(low), high_(high), from_(from), to_(to), logarithmic_(logarithmic) {}

Scale Scale::around(const std::vector<double>& values, double from, double to, bool logarithmic,
                    double room) {
  std::vector<double> usable;
  std::copy_if(values.begin(), values.end(), std::back_inserter(usable),
               [&](double v) { return std::isfinite(v) && (!logarithmic || v > 0.0); });
  if (usable.empty()) return Scale(logarithmic ? 0.1 : 0.0, 1.0, from, to, logarithmic);
  const auto [least, most] = std::minmax_element(usable.begin(), usable.end());
  double low = *least, high = *most;
  if (logarithmic) {
    const double by = high > low * 1.01 ? std::pow(high / low, room) : 1.5;
    return Scale(low / by, high * by, from, to, true);
  }
  const double by = high > low ? (high - low) * room : std::max(std::abs(high) * 0.1, 1e-6);
  low = low >= 0.0 ? std::max(0.0, low - by) : low - by;
  return Scale(low, high + by, from, to, false);
}

double Scale::at(double value) const noexcept {
  const double share = logarithmic_ ? std::log(value / low_) / std::log(high_ / low_)
                                    : (value - low_) / (high_ - low_);
  return from_ + share * (to_ - from_);
}

std::vector<double> Scale::ticks(int about) const {
  std::vector<double> out;
  if (logarithmic_ && high_ / low_ > 4.0) {
    const double decades = std::log10(high_ / low_);
    const std::vector<double> steps = decades > about ? std::vector<double>{1.0}
                                      : decades > 2.0 ? std::vector<double>{1.0, 3.0}
                                                      : std::vector<double>{1.0, 2.0, 5.0};
    for (int e = static_cast<int>(std::floor(std::log10(low_))); e <= std::log10(high_); ++e) {
      for (const double step : steps) {
        const double v = step * std::pow(10.0, e);
        if (v >= low_ && v <= high_) out.push_back(v);
      }
    }
    return out;
  }
  const double rough = (high_ - low_) / about;
  const double unit = std::pow(10.0, std::floor(std::log10(rough)));
  double step = unit;
  for (const double factor : {1.0, 2.0, 2.5, 5.0, 10.0}) {
    step = factor * unit;
    if (step >= rough) break;
  }
  for (double k = std::ceil(low_ / step); k * step <= high_ * (1.0 + 1e-12); k += 1.0) {
    out.push_back(k * step);
  }
  return out;
}

std::string tick_text(double value) {
  if (std::abs(value) < 1e-12) return "0";
  return fmt::format("{:.4g}", value);
}

std::string svg_open(int width, int height, std::string_view title) {
  return fmt::format(
      "<svg viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"{}\" "
      "xmlns=\"http://www.w3.org/2000/svg\">\n",
      width, height, width, height, html_text(title));
}

std::string svg_line(double x1, double y1, double x2, double y2, std::string_view style) {
  return fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" class=\"{}\"/>\n", px(x1),
                     px(y1), px(x2), px(y2), style);
}

std::string svg_text(double x, double y, std::string_view text, std::string_view anchor,
                     std::string_view style) {
  const std::string of = style.empty() ? "" : fmt::format(" class=\"{}\"", style);
  return fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\"{}>{}</text>\n", px(x), px(y),
                     anchor, of, html_text(text));
}

std::string svg_rect(double x, double y, double width, double height, std::string_view style,
                     std::string_view hint) {
  return fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" class=\"{}\">{}</rect>\n",
                     px(x), px(y), px(width), px(height), style, hint_element(hint));
}

std::string svg_dot(double x, double y, double radius, std::string_view style,
                    std::string_view hint) {
  return fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" class=\"{}\">{}</circle>\n", px(x),
                     px(y), px(radius), style, hint_element(hint));
}

}  // namespace lathe
