#include "quant/plan/rule_report.h"

#include <fmt/format.h>

#include "quant/plan/layer_list.h"

namespace lathe {
namespace {

std::string tensors(std::size_t n) { return fmt::format("{} tensor{}", n, n == 1 ? "" : "s"); }

std::string layers_text(const RuleReport& report) {
  if (report.layers.empty()) return {};
  const char* plural = report.layers.size() == 1 ? "" : "s";
  if (report.new_layers.empty()) {
    return fmt::format(", layer{} {}", plural, layer_list_text(report.layers));
  }
  return fmt::format(", original layer{} {} (new {})", plural, layer_list_text(report.layers),
                     layer_list_text(report.new_layers));
}

}  // namespace

std::string RuleReport::text() const {
  std::string out = rule + ": ";
  if (n_decided > 0) {
    out += tensors(n_decided) + layers_text(*this);
  } else if (!lost_to.empty()) {
    out += "had no effect";
  } else if (n_kept > 0) {
    out +=
        fmt::format("had no effect: matched only {} that always keep their type", tensors(n_kept));
  } else if (n_pruned > 0) {
    out += fmt::format("had no effect: matched only {} of pruned layers", tensors(n_pruned));
  } else {
    out += "matched nothing";
  }
  if (n_fallback > 0) {
    out += fmt::format("; rows of {} do not fit its type and got the next one that does",
                       tensors(n_fallback));
  }
  for (const auto& [winner, n] : lost_to) {
    out += fmt::format("; {} decided by {}", tensors(n), winner);
  }
  return out;
}

}  // namespace lathe
