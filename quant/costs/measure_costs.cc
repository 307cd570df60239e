#include "quant/costs/measure_costs.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "quant/costs/rounding_gains.h"
#include "quant/eval/chunk_texts.h"
#include "quant/plan/plan.h"
#include "runtime/base/error.h"
#include "runtime/gguf/shape_text.h"
#include "runtime/gradient/gradient_pass.h"
#include "runtime/gradient/probe.h"

namespace lathe {
namespace {

constexpr double kShareOfPass = 0.6;  // of the time, about

// Share of the divergence of an error in front of the first layer that is left behind the last,
// when each corrects what those before it have changed. Found on one small model, right for another
// (docs/measured-plans.md).
constexpr double kLeftByAllLayers = 0.66;

void check_same_tensor(const TensorInfo& tensor, const WeightSet& weights) {
  const std::optional<TensorId> id = parse_tensor_name(tensor.name);
  const WeightView* view = id ? &weights.get(id->role, id->layer, id->part) : nullptr;
  if (view == nullptr || !*view) {
    throw usage_error("the model for the gradients has no tensor " + tensor.name);
  }
  if (view->rows == tensor.rows() && view->cols == tensor.cols()) return;
  throw usage_error(fmt::format("{} is {} in the model and [{}, {}] in the model for the gradients",
                                tensor.name, shape_text(tensor), view->cols, view->rows));
}

void check_finite(const TensorFisher& fisher, const std::string& tensor) {
  for (const OuterSums& part : fisher.parts) {
    if (!std::isfinite(part.total)) throw failed("the gradients at " + tensor + " are not finite");
  }
}

void take_gains(const std::map<std::string, RoundingGains>& all, TensorCosts& costs) {
  const auto gains = all.find(costs.name);
  if (gains == all.end()) return;
  for (std::size_t f = 0; f < kFormatCount; ++f) {
    if (costs.weights[f]) *costs.weights[f] *= gains->second[f];
  }
}

// What the layers behind a tensor leave of its errors. A head has none behind it, and of a table
// that is the head, too, errors of either use are not told apart.
double left_of(const std::string& tensor, const WeightSet& weights) {
  const bool tied = !weights.get(TensorRole::kOutput, -1);
  const bool is_table = tensor == tensor_name({TensorRole::kTokenEmbd, -1});
  const int layer = layer_of_tensor(tensor);
  if (layer < 0 && (tied || !is_table)) return 1.0;
  const auto n_layer = static_cast<double>(weights.n_layer());
  return std::pow(kLeftByAllLayers, (n_layer - 1.0 - layer) / n_layer);
}

// The costs of calibrated rounding, from those of plain rounding.
void calibrate_costs(const GainObserver& gains, const WeightSet& weights, TensorCosts& costs) {
  take_gains(gains.gains(), costs);
  const double left = left_of(costs.name, weights);
  for (std::optional<double>& cost : costs.weights) {
    if (cost) *cost *= left;
  }
}

// Sums of all tensors, over the probed rows.
class FisherPass {
 public:
  FisherPass(const GradientModel& of, const TextChunks& text, const MeasureOptions& options,
             const KernelTable& kernels, ThreadPool& pool)
      : chunks_(text, 0, text.n_ctx()),
        texts_(chunks_.texts().begin(), chunks_.texts().end()),
        run_{of.model, of.files, kernels, pool, texts_},
        options_{text.first_scored(), options.spill_folder, options.drop_weights},
        seed_(options.seed),
        sums_(of.model.weights(), kernels, pool) {}

  FisherSums& sums() noexcept { return sums_; }
  // observer: the sums, or what passes all on to them.
  void run(GradientObserver& observer, const CostProgress& progress) {
    const GradientCallbacks callbacks{
        .logits =
            [this](std::size_t text, std::size_t first, MatrixView<float> logits) {
              probe_rows(run_.pool, seed_, text * texts_[text].size() + first, logits);
            },
        .progress =
            [&](double fraction, std::string_view step) {
              return !progress || progress(kShareOfPass * fraction, step);
            }};
    run_gradient_pass(run_, options_, callbacks, observer);
  }
  double n_scored() const noexcept {
    return static_cast<double>(count_rows(texts_, options_.first_row));
  }

 private:
  ChunkTexts chunks_;
  std::vector<Batch> texts_;
  GradientRun run_;
  GradientOptions options_;
  std::uint64_t seed_;
  FisherSums sums_;
};

}  // namespace

std::vector<TensorCosts> measure_costs(const TensorSource& source, const GradientModel& gradients,
                                       const TextChunks& text, const MeasureOptions& options,
                                       const KernelTable& kernels, ThreadPool& pool,
                                       const CostProgress& progress) {
  std::vector<const TensorInfo*> tensors;
  for (const TensorInfo& tensor : source.tensors()) {
    if (!is_quantizable(tensor)) continue;
    check_same_tensor(tensor, gradients.model.weights());
    tensors.push_back(&tensor);
  }
  FisherPass pass(gradients, text, options, kernels, pool);
  const RoundingGainOptions rounding{.formats = options.formats, .n_rows = options.n_rows};
  std::optional<GainObserver> gains;
  if (options.calibrated) gains.emplace(pass.sums(), source, rounding, kernels, pool);
  pass.run(gains ? static_cast<GradientObserver&>(*gains) : pass.sums(), progress);
  const FisherSums& sums = pass.sums();
  const CostOptions costs{options.formats, options.n_rows, options.importance, pass.n_scored()};
  std::vector<TensorCosts> out;
  for (const TensorInfo* tensor : tensors) {
    const double share = static_cast<double>(out.size()) / static_cast<double>(tensors.size());
    if (progress && !progress(kShareOfPass + (1.0 - kShareOfPass) * share, tensor->name)) {
      throw failed("stopped");
    }
    const auto found = sums.tensors().find(tensor->name);
    if (found == sums.tensors().end()) {
      throw failed("no gradients reach " + tensor->name);  // a tensor that no step reads
    }
    check_finite(found->second, tensor->name);
    out.push_back(measure_tensor_costs(source, *tensor, found->second, costs, kernels, pool));
    if (gains) calibrate_costs(*gains, gradients.model.weights(), out.back());
    source.done_with(*tensor);
  }
  return out;
}

}  // namespace lathe
