#include "tools/jobs/check_plan.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "quant/pipeline/tensor_encoder.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr double kShareOfEncoding = 0.3;

// The plan's tensors in memory.
class PlannedWeights {
 public:
  explicit PlannedWeights(const WeightSet& source) : weights_(source) {}

  void encode(const QuantizeJob& job, const KernelTable& kernels, ThreadPool& pool,
              const JobProgress& progress) {
    TensorEncoder encoder(job, kernels, pool);
    std::size_t n_done = 0;
    for (const PlannedTensor& t : job.plan.tensors) {
      const double share =
          static_cast<double>(n_done++) / static_cast<double>(job.plan.tensors.size());
      if (progress && !progress(kShareOfEncoding * share, "encoding " + t.source.name)) {
        throw failed("stopped");
      }
      if (!t.copied()) set(t, encoder.encode(t, 0, t.source.rows(), importance_for(job, t, 0)));
    }
  }
  const WeightSet& weights() const noexcept { return weights_; }

 private:
  void set(const PlannedTensor& t, std::span<const std::uint8_t> blocks) {
    blocks_.emplace_back(blocks.begin(), blocks.end());
    const std::optional<TensorId> id = parse_tensor_name(t.source.name);
    if (!id) throw failed("no model reads " + t.source.name);
    weights_.set(*id, {t.format, t.source.rows(), t.source.cols(), blocks_.back().data()});
  }

  WeightSet weights_;
  std::vector<std::vector<std::uint8_t>> blocks_;
};

}  // namespace

PlanCheck check_plan(const PlannedModel& model, const Plan& plan, const PlanCheckOptions& options,
                     const Notes& notes, const JobProgress& progress) {
  OpenModel open(options.engine, options.isa);
  TextOrigin origin;
  const TextChunks text = open_text(open.file, options.text, options.engine, &origin);
  for (const std::string& warning : origin.warnings) notes.warn(warning);
  QuantizeJob job{*model.source, plan, model.imatrix ? &*model.imatrix : nullptr, {}, true};
  PlannedWeights planned(open.model->weights());
  planned.encode(job, open.kernels, open.pool, progress);
  std::vector<RunModel> models = {
      {*open.model, open.file.files(), {}, "the source"},
      {*open.model, open.file.files(), plan.pruned_layers, "the plan", &planned.weights()}};
  const auto runner = open_runner(std::move(models), options.engine, options.order, open.kernels,
                                  open.pool, text.n_ctx(), notes);
  ChunkRecords records;
  measure_divergence({*runner, open.kernels, open.pool}, text, records,
                     [&](const ChunkRecords&, double fraction, std::string_view) {
                       return !progress ||
                              progress(kShareOfEncoding + (1.0 - kShareOfEncoding) * fraction,
                                       "measuring the plan");
                     });
  DivergenceMeter meter;
  for (const auto& record : records) add_chunk(record, 0, 1, meter);
  return {text_names(options.text), text.n_chunks(), meter.summary(true)};
}

}  // namespace lathe
