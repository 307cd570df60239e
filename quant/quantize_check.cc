// What is checked before the work: the plan against what can be done, and the metadata.
#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "quant/codecs/codec.h"
#include "quant/plan/plan_summary.h"
#include "quant/plan/prune_metadata.h"
#include "quant/quantize.h"
#include "runtime/gguf/gguf_file.h"

namespace lathe {
namespace {

constexpr std::uint32_t kQuantizationVersion = 2;
constexpr std::size_t kMaxProvenanceBytes = 127;  // other programs keep 128 with the end

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

void add_imatrix_keys(const Imatrix& imatrix, Metadata& out) {
  out.set("quantize.imatrix.file", Value::text(imatrix.origin.substr(0, kMaxProvenanceBytes)));
  if (!imatrix.datasets.empty()) {
    out.set("quantize.imatrix.dataset",
            Value::text(imatrix.datasets.front().substr(0, kMaxProvenanceBytes)));
  }
  out.set("quantize.imatrix.entries_count",
          Value::u32(static_cast<std::uint32_t>(imatrix.entries.size())));
  if (imatrix.chunk_count > 0) {
    out.set("quantize.imatrix.chunks_count", Value::u32(imatrix.chunk_count));
  }
}

}  // namespace

std::vector<std::string> plan_problems(const QuantizeJob& job) {
  std::vector<std::string> problems;
  if (auto problem = importance_problem(job.plan, job.imatrix)) {
    problems.push_back(std::move(*problem));
  }
  for (const PlannedTensor& t : job.plan.tensors) {
    std::string problem = problem_with(job, t);
    if (!problem.empty()) problems.push_back(std::move(problem));
  }
  return problems;
}

Metadata quantized_metadata(const QuantizeJob& job) {
  Metadata out = job.source.metadata();
  for (const char* key : {"general.quantization_version", "general.file_type", "split.no",
                          "split.count", "split.tensors.count"}) {
    out.erase(key);
  }
  out.set("general.quantization_version", Value::u32(kQuantizationVersion));
  out.set("general.file_type", Value::u32(job.plan.file_type));
  if (job.imatrix != nullptr) add_imatrix_keys(*job.imatrix, out);
  prune_metadata(job.plan.pruned_layers, out);
  apply_overrides(job.plan.overrides, out);
  return out;
}

}  // namespace lathe
