#include "tools/report/quantize_report.h"

#include <fmt/core.h>

#include <algorithm>

#include "runtime/base/quote.h"
#include "tools/report/plan_report.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

std::string worst_text(std::vector<TensorError> errors) {
  constexpr std::size_t kShown = 5;
  if (errors.empty()) return {};
  std::sort(errors.begin(), errors.end(),
            [](const auto& a, const auto& b) { return a.relative_rms > b.relative_rms; });
  errors.resize(std::min(errors.size(), kShown));
  TextTable table({"largest errors", "type", "error %", "weighted %", "reason"});
  for (const TensorError& e : errors) {
    table.add_row({printable(e.name), std::string(format_name(e.format)),
                   fmt::format("{:.2f}", 100.0 * e.relative_rms),
                   e.weighted ? fmt::format("{:.2f}", 100.0 * *e.weighted) : "-",
                   printable(e.reason)});
  }
  return "\n" + table.aligned();
}

std::string written_text(const QuantizeRun& run, const Plan& plan, const std::string& time) {
  const QuantizeResult& result = run.result;
  std::string text = fmt::format("\n{} encoded, {} copied", result.n_encoded, result.n_copied);
  if (result.n_reused > 0) text += fmt::format(", {} reused", result.n_reused);
  if (result.n_resumed > 0) {
    text += fmt::format(", {} from the interrupted run", result.n_resumed);
  }
  text += fmt::format(" in {} ({:.1f} million weights per second); reopened and verified\n", time,
                      static_cast<double>(plan.n_elements()) / 1e6 / run.seconds);
  text += fmt::format("wrote {}", result.paths.front());
  if (result.paths.size() > 1) text += fmt::format(" and {} more", result.paths.size() - 1);
  return text + fmt::format(" ({} MB)\n", megabytes(result.file_bytes));
}

}  // namespace

std::string quantize_text(const QuantizeRun& run, const Plan& plan, const std::string& time) {
  return totals_text(plan) + worst_text(run.result.errors) + written_text(run, plan, time);
}

std::vector<std::string> quantize_warnings(const QuantizeResult& result) {
  std::vector<std::string> warnings = result.warnings;
  double sum = 0.0;
  std::size_t n = 0;
  for (const TensorError& e : result.errors) {
    if (!e.source_quantized) continue;
    sum += e.relative_rms;
    ++n;
  }
  if (n > 0) {
    warnings.push_back(
        fmt::format("{} tensors were quantized already; this adds an error of {:.2f} % on average "
                    "to what they had",
                    n, 100.0 * sum / static_cast<double>(n)));
  }
  return warnings;
}

}  // namespace lathe
