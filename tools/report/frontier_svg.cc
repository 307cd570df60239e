#include "tools/report/frontier_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tools/report/plan_report.h"

namespace lathe {
namespace {

constexpr double kWidth = 900, kHeight = 560;
constexpr double kLeft = 80, kRight = 80, kTop = 44, kBottom = 56;

constexpr const char* kStyle =
    "svg{background:#fff;color:#222;font:13px system-ui,sans-serif}"
    "text{fill:currentColor}.grid{stroke:currentColor;opacity:.15}"
    ".line{fill:none;stroke:#1769aa;stroke-width:2}.dot{fill:#c2410c}.small{font-size:11px}"
    "@media(prefers-color-scheme:dark){svg{background:#16181c;color:#e6e6e6}"
    ".line{stroke:#6cb6ff}.dot{fill:#ff9d5c}}";

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

// What is drawn: types of fewer bits than a float of 16, whose divergences are too far below the
// others'. Values of 0 have no place on a logarithmic axis.
bool is_drawn(const FrontierPoint& p) noexcept {
  constexpr double kMostBits = 10.0;
  return p.predicted > 0.0 && p.bits_per_weight <= kMostBits;
}

// Both logarithmic.
class Axes {
 public:
  explicit Axes(const std::vector<FrontierPoint>& points) {
    for (const FrontierPoint& p : points) {
      if (!is_drawn(p)) continue;
      const double size = std::log10(static_cast<double>(p.file_bytes));
      const double kld = std::log10(p.predicted);
      low_ = any_ ? std::min(low_, size) : size;
      high_ = any_ ? std::max(high_, size) : size;
      bottom_ = any_ ? std::min(bottom_, kld) : kld;
      top_ = any_ ? std::max(top_, kld) : kld;
      any_ = true;
    }
    bottom_ = std::floor(bottom_);
    top_ = std::max(std::ceil(top_), bottom_ + 1.0);
    if (!(high_ > low_)) high_ = low_ + 1.0;
  }

  double x(double bytes) const {
    return kLeft + (std::log10(bytes) - low_) / (high_ - low_) * (kWidth - kLeft - kRight);
  }
  double y(double kld) const {
    return kTop + (top_ - std::log10(kld)) / (top_ - bottom_) * (kHeight - kTop - kBottom);
  }

  std::string grid() const {
    std::string out;
    for (double power = bottom_; power <= top_; power += 1.0) {
      const double at = y(std::pow(10.0, power));
      out += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
                         kLeft, kWidth - kRight, at, at);
      out += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n", kLeft - 8,
                         at + 4, std::pow(10.0, power));
    }
    constexpr int kTicks = 6;
    for (int i = 0; i <= kTicks; ++i) {
      const double bytes = std::pow(10.0, low_ + (high_ - low_) * i / kTicks);
      out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", x(bytes),
                         kHeight - kBottom + 22, megabytes(static_cast<std::uint64_t>(bytes)));
    }
    return out;
  }

 private:
  bool any_ = false;
  double low_ = 0.0, high_ = 1.0, bottom_ = -3.0, top_ = 0.0;
};

}  // namespace

std::string frontier_svg(const MeasuredPlans& plans) {
  std::vector<FrontierPoint> all = plans.frontier;
  for (const RecipePoint& r : plans.recipes) all.push_back(r.of);
  const Axes axes(all);
  std::string line, dots;
  for (const FrontierPoint& p : plans.frontier) {
    if (!is_drawn(p)) continue;
    line += fmt::format("{:.1f},{:.1f} ", axes.x(static_cast<double>(p.file_bytes)),
                        axes.y(p.predicted));
  }
  for (const RecipePoint& r : plans.recipes) {
    if (!is_drawn(r.of)) continue;
    const double x = axes.x(static_cast<double>(r.of.file_bytes)), y = axes.y(r.of.predicted);
    dots += fmt::format(
        "<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"><title>{}: {} MB, {:.5f}</title>"
        "</circle>\n<text class=\"small\" transform=\"translate({:.1f} {:.1f}) rotate(-40)\">{}"
        "</text>\n",
        x, y, escaped(r.recipe), megabytes(r.of.file_bytes), r.of.predicted, x + 5, y - 5,
        escaped(r.recipe));
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\">\n<style>{2}</style>\n"
      "<text x=\"{3}\" y=\"24\" font-weight=\"600\">{4}: predicted divergence over file "
      "size</text>\n"
      "{5}<polyline class=\"line\" points=\"{6}\"/>\n{7}"
      "<text x=\"{8}\" y=\"{9}\" text-anchor=\"middle\">file, MB (line: measured plans; points: "
      "recipes)</text>\n</svg>\n",
      kWidth, kHeight, kStyle, kLeft, escaped(plans.costs.model_file), axes.grid(), line, dots,
      (kLeft + kWidth - kRight) / 2, kHeight - 12);
}

}  // namespace lathe
