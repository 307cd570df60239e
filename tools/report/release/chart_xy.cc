#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "tools/report/release/chart.h"
#include "tools/report/release/svg.h"

namespace lathe {
namespace {

constexpr int kWidth = 820, kHeight = 400;
constexpr double kLeft = 70, kLeastRight = 96, kTop = 16, kBottom = 46;
constexpr double kLetter = 6.6, kLine = 13.0;  // pixels of a letter, of a line of labels

struct Box {
  double x0, y0, x1, y1;
  bool meets(const Box& o) const noexcept {
    return x0 < o.x1 && o.x0 < x1 && y0 < o.y1 && o.y0 < y1;
  }
};

// Labels of points where there is room: on one of the sides, else nowhere (the hint has it).
class Labels {
 public:
  void occupy(const Box& box) { taken_.push_back(box); }

  std::string place(double x, double y, const std::string& text, std::string_view style) {
    const double w = kLetter * static_cast<double>(text.size());
    struct Try {
      double x, y;
      const char* anchor;
    };
    const std::array<Try, 6> tries = {{{x + 8, y + 4, "start"},
                                       {x - 8, y + 4, "end"},
                                       {x, y - 9, "middle"},
                                       {x, y + 17, "middle"},
                                       {x + 7, y - 7, "start"},
                                       {x - 7, y + 15, "end"}}};
    for (const Try& t : tries) {
      const double left = t.anchor[0] == 's' ? t.x : t.anchor[0] == 'e' ? t.x - w : t.x - w / 2;
      const Box box{left, t.y - kLine + 2, left + w, t.y + 2};
      const bool inside =
          box.x0 > kLeft && box.x1 < kWidth && box.y0 > 0 && box.y1 < kHeight - kBottom;
      if (!inside ||
          std::any_of(taken_.begin(), taken_.end(), [&](const Box& b) { return b.meets(box); })) {
        continue;
      }
      occupy(box);
      return svg_text(t.x, t.y, text, t.anchor, style);
    }
    return {};
  }

 private:
  std::vector<Box> taken_;
};

class XyPlot {
 public:
  explicit XyPlot(const XyChart& chart)
      : chart_(chart), right_(right_margin(chart)), x_(x_scale()), y_(y_scale()) {}

  std::string draw() {
    std::string out = svg_open(kWidth, kHeight, chart_.title) + axes() + reference();
    for (const ChartSeries& series : chart_.series) out += line(series);
    for (const ChartSeries& series : chart_.series) out += dots(series);
    for (const ChartSeries& series : chart_.series) out += names(series);
    return out + end_names() + "</svg>\n";
  }

 private:
  // Names stand there.
  static double right_margin(const XyChart& chart) {
    std::size_t longest = chart.y_line_name.size();
    for (const ChartSeries& series : chart.series) longest = std::max(longest, series.name.size());
    return std::clamp(12 + kLetter * static_cast<double>(longest), kLeastRight, kWidth / 3.0);
  }

  std::vector<double> values(bool of_y) const {
    std::vector<double> out;
    for (const ChartSeries& series : chart_.series) {
      for (const ChartPoint& p : series.points) {
        out.push_back(of_y ? p.y : p.x);
        if (of_y && p.error > 0.0) {
          out.push_back(p.y - p.error);
          out.push_back(p.y + p.error);
        }
      }
    }
    if (of_y && chart_.y_line) out.push_back(*chart_.y_line);
    return out;
  }

  Scale x_scale() const {
    const double from = kLeft, to = kWidth - right_;
    if (!chart_.x_names.empty()) {
      return Scale(-0.3, static_cast<double>(chart_.x_names.size()) - 0.7, from, to, false);
    }
    return Scale::around(values(false), from, to, chart_.x_logarithmic);
  }
  Scale y_scale() const {
    return Scale::around(values(true), kHeight - kBottom, kTop, chart_.y_logarithmic);
  }

  std::string axes() const {
    std::string out;
    for (const double v : y_.ticks(6)) {
      out += svg_line(kLeft, y_.at(v), kWidth - right_, y_.at(v), "grid");
      out += svg_text(kLeft - 8, y_.at(v) + 4, tick_text(v), "end", "tick");
    }
    const double bottom = kHeight - kBottom;
    if (chart_.x_names.empty()) {
      for (const double v : x_.ticks(7)) {
        out += svg_line(x_.at(v), bottom, x_.at(v), bottom + 4, "axis");
        out += svg_text(x_.at(v), bottom + 18, tick_text(v), "middle", "tick");
      }
    }
    for (std::size_t i = 0; i < chart_.x_names.size(); ++i) {
      out +=
          svg_text(x_.at(static_cast<double>(i)), bottom + 18, chart_.x_names[i], "middle", "tick");
    }
    out += svg_line(kLeft, bottom, kWidth - right_, bottom, "axis");
    out += svg_text((kLeft + kWidth - right_) / 2, kHeight - 8, chart_.x_label, "middle", "label");
    return out + fmt::format(
                     "<text transform=\"translate(14 {}) rotate(-90)\" "
                     "text-anchor=\"middle\" class=\"label\">{}</text>\n",
                     px((kTop + bottom) / 2), html_text(chart_.y_label));
  }

  std::string reference() {
    if (!chart_.y_line) return {};
    const double y = y_.at(*chart_.y_line);
    const double right = kWidth - right_;
    labels_.occupy({right, y - 8, kWidth, y + 8});
    return svg_line(kLeft, y, right, y, "reference") +
           svg_text(right + 6, y + 4, chart_.y_line_name, "start", "tick");
  }

  bool shows(const ChartPoint& p) const {
    return std::isfinite(p.x) && std::isfinite(p.y) && (!y_.logarithmic() || p.y > 0.0) &&
           (!x_.logarithmic() || p.x > 0.0);
  }

  std::string line(const ChartSeries& series) const {
    if (!series.line) return {};
    std::string points;
    for (const ChartPoint& p : series.points) {
      if (shows(p)) points += fmt::format(" {},{}", px(x_.at(p.x)), px(y_.at(p.y)));
    }
    if (points.empty()) return {};
    return fmt::format("<polyline points=\"{}\" class=\"line {}\"/>\n", points.substr(1),
                       series.style);
  }

  std::string dots(const ChartSeries& series) {
    std::string out;
    for (const ChartPoint& p : series.points) {
      if (!shows(p) || !series.dots) continue;
      const double x = x_.at(p.x), y = y_.at(p.y);
      if (p.error > 0.0 && (!y_.logarithmic() || p.y > p.error)) {
        out +=
            svg_line(x, y_.at(p.y - p.error), x, y_.at(p.y + p.error), "interval " + series.style);
      }
      out += svg_dot(x, y, 5, "dot " + series.style, p.hint.empty() ? p.label : p.hint);
      labels_.occupy({x - 5, y - 5, x + 5, y + 5});
    }
    return out;
  }

  std::string names(const ChartSeries& series) {
    std::string out;
    for (const ChartPoint& p : series.points) {
      if (p.label.empty() || !shows(p)) continue;
      out += labels_.place(x_.at(p.x), y_.at(p.y), p.label, "name " + series.style);
    }
    return out;
  }

  // Beside the ends of lines, pushed apart.
  std::string end_names() const {
    struct End {
      double y;
      const ChartSeries* series;
    };
    std::vector<End> ends;
    for (const ChartSeries& series : chart_.series) {
      if (series.name.empty() || series.points.empty() || !shows(series.points.back())) continue;
      ends.push_back({y_.at(series.points.back().y), &series});
    }
    std::sort(ends.begin(), ends.end(), [](const End& a, const End& b) { return a.y < b.y; });
    for (std::size_t i = 1; i < ends.size(); ++i)
      ends[i].y = std::max(ends[i].y, ends[i - 1].y + kLine);
    double below = kHeight - kBottom + 4;
    for (std::size_t i = ends.size(); i-- > 0; below = ends[i].y - kLine) {
      ends[i].y = std::min(ends[i].y, below);
    }
    std::string out;
    for (const End& end : ends) {
      out += svg_text(kWidth - right_ + 6, end.y + 4, end.series->name, "start",
                      "name " + end.series->style);
    }
    return out;
  }

  const XyChart& chart_;
  const double right_;  // margin
  Scale x_, y_;
  Labels labels_;
};

}  // namespace

std::string xy_chart(const XyChart& chart) { return XyPlot(chart).draw(); }

}  // namespace lathe
