// What is checked before the work: the plan against what can be done.
#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "quant/codecs/codec.h"
#include "quant/pipeline/quantize.h"
#include "quant/plan/plan_summary.h"

namespace lathe {
namespace {

bool is_float(Format format) noexcept { return format_info(format).group == 0; }

std::string problem_with(const QuantizeJob& job, const PlannedTensor& t) {
  if (t.copied()) return {};
  if (find_codec(t.format) == nullptr) {
    return fmt::format("{}: lathe cannot write {} yet", t.source.name, format_name(t.format));
  }
  if (!is_float(t.source.format) && !job.allow_requantize) {
    return fmt::format("{} is {} already; quantizing again loses quality (--allow-requantize)",
                       t.source.name, format_name(t.source.format));
  }
  const ImatrixEntry* entry = job.imatrix == nullptr ? nullptr : job.imatrix->find(t.source.name);
  if (entry == nullptr || !t.use_importance) return {};
  const std::uint64_t n_mat = t.source.dims[2] * t.source.dims[3];
  if (entry->n_cols != t.source.cols() || entry->n_mat() != n_mat) {
    return fmt::format("{}: the importance matrix has {} x {} columns, the tensor {} x {}",
                       t.source.name, entry->n_mat(), entry->n_cols, n_mat, t.source.cols());
  }
  return {};
}

}  // namespace

std::vector<std::string> plan_problems(const QuantizeJob& job) {
  std::vector<std::string> problems;
  // Calibration has the importance of every column.
  if (auto problem =
          job.calibration == nullptr ? importance_problem(job.plan, job.imatrix) : std::nullopt) {
    problems.push_back(std::move(*problem));
  }
  for (const PlannedTensor& t : job.plan.tensors) {
    std::string problem = problem_with(job, t);
    if (!problem.empty()) problems.push_back(std::move(problem));
  }
  return problems;
}

}  // namespace lathe
