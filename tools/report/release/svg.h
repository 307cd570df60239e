// What charts are drawn with: texts and elements of HTML and SVG. Colours are classes, so that the
// page's style decides them for light and dark (report_style.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lathe {

// Text of a file as HTML that reads the same, in elements and attributes; control characters and
// bytes that are no UTF-8 are replaced.
std::string html_text(std::string_view text);

// A coordinate, to a tenth of a pixel: the same text on every machine.
std::string px(double x);

// One axis: values to pixels, and where ticks are.
class Scale {
 public:
  // `from`, `to`: pixels of the low and the high end. A logarithmic scale needs low > 0.
  Scale(double low, double high, double from, double to, bool logarithmic);

  // Of the values, with some room around them; also where all are the same, or there is none.
  static Scale around(const std::vector<double>& values, double from, double to, bool logarithmic,
                      double room = 0.06);

  double at(double value) const noexcept;
  std::vector<double> ticks(int about) const;
  bool logarithmic() const noexcept { return logarithmic_; }

 private:
  double low_, high_, from_, to_;
  bool logarithmic_;
};

// "0.002", "1.5", "20": as short as ticks are.
std::string tick_text(double value);

std::string svg_open(int width, int height, std::string_view title);
std::string svg_line(double x1, double y1, double x2, double y2, std::string_view style);
// `anchor`: "start", "middle", "end".
std::string svg_text(double x, double y, std::string_view text, std::string_view anchor = "start",
                     std::string_view style = "");
// `hint` is shown where the mouse rests.
std::string svg_rect(double x, double y, double width, double height, std::string_view style,
                     std::string_view hint = "");
std::string svg_dot(double x, double y, double radius, std::string_view style,
                    std::string_view hint = "");

}  // namespace lathe
