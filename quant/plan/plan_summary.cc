#include "quant/plan/plan_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "quant/imatrix/imatrix.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {

std::vector<FormatTotal> format_totals(const Plan& plan) {
  std::array<FormatTotal, kFormatCount> totals{};
  for (const PlannedTensor& t : plan.tensors) {
    FormatTotal& total = totals[index_of(t.format)];
    total.format = t.format;
    ++total.n_tensors;
    total.n_elements += t.source.n_elements();
    total.n_bytes += t.n_bytes;
  }
  std::vector<FormatTotal> used;
  std::copy_if(totals.begin(), totals.end(), std::back_inserter(used),
               [](const FormatTotal& total) { return total.n_tensors > 0; });
  return used;
}

std::size_t n_fallbacks(const Plan& plan) noexcept {
  return static_cast<std::size_t>(std::count_if(plan.tensors.begin(), plan.tensors.end(),
                                                [](const PlannedTensor& t) { return t.fallback; }));
}

std::uint64_t planned_file_bytes(const Plan& plan, const Metadata& metadata) {
  std::vector<TensorInfo> infos;
  infos.reserve(plan.tensors.size());
  std::uint64_t n_bytes = 0;
  for (const PlannedTensor& t : plan.tensors) {
    TensorInfo& info = infos.emplace_back(t.source);
    info.name = t.name;
    info.format = t.format;
    n_bytes += (t.n_bytes + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment;
  }
  return n_bytes + gguf_header_bytes(metadata, infos).size();
}

std::vector<std::string> importance_notes(const Plan& plan, const Imatrix* imatrix) {
  if (imatrix == nullptr) {
    if (!plan.imatrix) return {};
    return {"the plan was made for an importance matrix, and none is given"};
  }
  std::vector<std::string> notes;
  if (!plan.imatrix) notes.push_back("the plan was made without the importance matrix");
  std::size_t n_missing = 0, n = 0;
  const PlannedTensor* first = nullptr;
  for (const PlannedTensor& t : plan.tensors) {
    if (t.copied() || !t.use_importance || layer_of_tensor(t.source.name) < 0) continue;
    ++n;
    if (imatrix->find(t.source.name) != nullptr) continue;
    if (n_missing++ == 0) first = &t;
  }
  if (n_missing > 0) {
    notes.push_back(
        fmt::format("the importance matrix lacks {} of the {} tensors in layers that are encoded; "
                    "the first is {}",
                    n_missing, n, first->source.name));
  }
  return notes;
}

std::optional<std::string> importance_problem(const Plan& plan, const Imatrix* imatrix) {
  std::size_t n = 0;
  const PlannedTensor* first = nullptr;
  for (const PlannedTensor& t : plan.tensors) {
    const bool has = imatrix != nullptr && imatrix->find(t.source.name) != nullptr;
    if (!t.needs_importance || (has && t.use_importance)) continue;
    if (n++ == 0) first = &t;
  }
  if (n == 0) return std::nullopt;
  const char* cause = imatrix == nullptr      ? "none is given (--imatrix)"
                      : first->use_importance ? "the one given has no such entry"
                                              : "its entry is excluded";
  return fmt::format("{}: {} needs an importance matrix, and {}{}", first->source.name,
                     format_name(first->format), cause,
                     n == 1 ? "" : fmt::format("; so do {} more tensors", n - 1));
}

}  // namespace lathe
