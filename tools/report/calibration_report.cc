#include "tools/report/calibration_report.h"

#include <fmt/core.h>

#include <cmath>
#include <map>

#include "runtime/base/quote.h"
#include "runtime/tensor_role.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

// Of the tensors of one role. Errors are shares of the output: their squares have a mean.
struct RoleSums {
  std::size_t n = 0, n_fell_back = 0;
  double plain = 0.0, calibrated = 0.0, log_held_out = 0.0;

  void add(const CalibratedTensor& t) {
    ++n;
    n_fell_back += t.fell_back;
    plain += static_cast<double>(t.plain_error) * t.plain_error;
    calibrated += static_cast<double>(t.error) * t.error;
    log_held_out += std::log(std::max(1e-6, static_cast<double>(t.held_out_ratio)));
  }
  double mean(double sum) const { return std::sqrt(sum / static_cast<double>(n)); }
};

std::string percent(double share) { return fmt::format("{:.3f}", 100.0 * share); }

void add_row(TextTable& table, const std::string& name, const std::string& what, double plain,
             double calibrated, double held_out) {
  table.add_row({name, what, percent(plain), percent(calibrated),
                 fmt::format("{:.2f}", plain > 0.0 ? calibrated / plain : 1.0),
                 fmt::format("{:.2f}", held_out)});
}

std::string by_role(const std::vector<CalibratedTensor>& tensors) {
  std::map<std::string, RoleSums> roles;
  for (const CalibratedTensor& t : tensors) {
    const auto id = parse_tensor_name(t.name);
    if (t.has_rounding && id) roles[std::string(role_name(id->role))].add(t);
  }
  if (roles.empty()) return {};
  TextTable table({"calibrated", "tensors", "error %, plain", "calibrated", "ratio", "held out"});
  for (const auto& [name, sums] : roles) {
    add_row(table, name, std::to_string(sums.n), sums.mean(sums.plain), sums.mean(sums.calibrated),
            std::exp(sums.log_held_out / static_cast<double>(sums.n)));
  }
  return table.aligned();
}

std::string each(const std::vector<CalibratedTensor>& tensors) {
  TextTable table({"calibrated", "type", "error %, plain", "calibrated", "ratio", "held out"});
  for (const CalibratedTensor& t : tensors) {
    if (!t.has_rounding) continue;
    add_row(table, printable(t.name), std::string(format_name(t.format)), t.plain_error, t.error,
            t.held_out_ratio);
  }
  return table.aligned();
}

}  // namespace

std::string calibration_text(const std::vector<CalibratedTensor>& tensors, bool full) {
  std::string text = full ? each(tensors) : by_role(tensors);
  std::string fell_back;
  std::size_t n = 0;
  for (const CalibratedTensor& t : tensors) {
    if (!t.fell_back) continue;
    fell_back += (n++ == 0 ? "" : ", ") + printable(t.name);
  }
  if (n > 0) {
    text +=
        fmt::format("{} rounded plainly, which was better on held-out text: {}\n", n, fell_back);
  }
  return text.empty() ? text : "\n" + text;
}

}  // namespace lathe
