#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/report/release/chart.h"
#include "tools/report/release/svg.h"

namespace lathe {
namespace {

constexpr int kWidth = 820;
constexpr double kRowHeight = 22, kTop = 8, kAxis = 22, kLegend = 30;
constexpr double kLetter = 6.6;

int colour_of(double value, const HeatMap& map) {
  const bool logarithmic = map.low > 0.0;
  const double share = map.high <= map.low ? 0.5
                       : logarithmic ? std::log(value / map.low) / std::log(map.high / map.low)
                                     : (value - map.low) / (map.high - map.low);
  return std::clamp(static_cast<int>(share * kHeatColours), 0, kHeatColours - 1);
}

std::string value_text(double value) { return fmt::format("{:.3g}", value); }

std::string cell(const HeatMap& map, std::size_t r, std::size_t c, double x, double y, double w) {
  const std::optional<double>& value = map.values[r][c];
  if (!value || !std::isfinite(*value)) return {};
  const int colour = colour_of(*value, map);
  std::string out = svg_rect(
      x, y, w - 1, kRowHeight - 1, fmt::format("q{}", colour),
      fmt::format("{}, {}: {}{}", map.rows[r], map.columns[c], value_text(*value), map.unit));
  const std::string text = value_text(*value);
  if (kLetter * static_cast<double>(text.size()) + 4 < w) {
    out += svg_text(x + w / 2, y + 15, text, "middle",
                    colour * 2 > kHeatColours ? "in-dark" : "in-light");
  }
  return out;
}

std::string legend(const HeatMap& map, double left, double y) {
  std::string out;
  for (int q = 0; q < kHeatColours; ++q) {
    out += svg_rect(left + 50 + 22 * q, y, 21, 10, fmt::format("q{}", q));
  }
  out += svg_text(left + 44, y + 9, value_text(map.low), "end", "tick");
  return out + svg_text(left + 56 + 22 * kHeatColours, y + 9, value_text(map.high) + map.unit,
                        "start", "tick");
}

}  // namespace

std::string heat_map(const HeatMap& map) {
  std::size_t longest = 4;
  for (const std::string& row : map.rows) longest = std::max(longest, row.size());
  const double left = 12.0 + kLetter * static_cast<double>(longest);
  const double n = static_cast<double>(std::max<std::size_t>(1, map.columns.size()));
  const double w = std::min(60.0, (kWidth - left) / n);
  const double bottom = kTop + kRowHeight * static_cast<double>(map.rows.size());
  std::string out = svg_open(kWidth, static_cast<int>(bottom + kAxis + kLegend), map.title);
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    const double y = kTop + kRowHeight * static_cast<double>(r);
    out += svg_text(left - 8, y + 15, map.rows[r], "end", "tick");
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
      out += cell(map, r, c, left + w * static_cast<double>(c), y, w);
    }
  }
  // As many names of columns as there is room for.
  const auto step = static_cast<std::size_t>(std::ceil(24.0 / w));
  for (std::size_t c = 0; c < map.columns.size(); c += step) {
    out += svg_text(left + w * (static_cast<double>(c) + 0.5), bottom + 14, map.columns[c],
                    "middle", "tick");
  }
  return out + legend(map, left, bottom + kAxis + 6) + "</svg>\n";
}

}  // namespace lathe
