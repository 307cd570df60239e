#include "tools/jobs/measured_plan_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "quant/pipeline/provenance.h"
#include "quant/plan/recipe.h"
#include "runtime/base/error.h"
#include "tools/jobs/byte_size.h"
#include "tools/jobs/measure_job.h"

namespace lathe {
namespace {

constexpr int kFrontierPoints = 32;
// Provenance that only quantizing knows: of a calibration; and, with an importance matrix, a hash
// of each tensor's.
constexpr std::uint64_t kReserve = 4096, kReservePerTensor = 32;

PlanOptions without_recipe(const MeasuredPlanOptions& options) {
  PlanOptions plan = options.plan;
  if (!plan.recipe.empty() || !plan.plan_file.empty() || plan.pure) {
    throw usage_error("--costs decide the types: leave out the recipe, --plan and --pure");
  }
  if (options.sizes.empty() && options.bits.empty() && !options.frontier) {
    throw usage_error("--costs need a size: --size 4.5GB, --bpw 4.5, or --frontier");
  }
  plan.recipe = "COPY";
  return plan;
}

FrontierPoint point_of(const MeasuredPlan& plan) {
  return {plan.file_bytes, plan.plan.bits_per_weight(), plan.predicted};
}

class MeasuredPlanJob {
 public:
  MeasuredPlanJob(const MeasuredPlanOptions& options, const Notes& notes,
                  const JobProgress& progress)
      : options_(options), notes_(notes), progress_(progress) {
    for (const std::string& size : options.sizes) sizes_.push_back(parse_byte_size(size, "--size"));
    PlanOptions plan = without_recipe(options);
    std::string weights;
    plan.identify = [&](const TensorSource& file) {
      ModelIdentity identity = model_identity(
          file, {.progress = [&](double f) { return go_on(f, "hashing the model"); }});
      weights = identity.weights;
      return identity;
    };
    out_.costs = read_costs(options.costs);
    out_.model = plan_model(plan);
    check_costs(out_.costs, out_.model.header, weights);
    for (const std::string& note : out_.model.imatrix_notes) notes.warn(note);
    note_encoders();
    request_.rules = plan_request(plan, out_.model.header);
    request_.activations = options.activations;
    request_.may_prune = options.may_prune;
    if (!options.types.empty()) request_.types = parse_formats(options.types, "--types");
    request_.metadata = [this](const Plan& p) { return metadata_of(p); };
    request_.reserve = kReserve;
    if (!out_.model.imatrix) {
      request_.reserve += kReservePerTensor * out_.model.header.tensors.size();
      request_.rules.imatrix = out_.costs.importance;
    }
  }

  MeasuredPlans run() {
    const MeasuredPlanner planner(out_.model.header, out_.costs, request_);
    const std::size_t n = sizes_.size() + options_.bits.size();
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      step(i, n);
      out_.plans.push_back({options_.sizes[i], planner.for_file_bytes(sizes_[i]), {}});
    }
    for (const double bits : options_.bits) {
      step(out_.plans.size(), n);
      out_.plans.push_back({fmt::format("{} bpw", bits), planner.for_bits_per_weight(bits), {}});
    }
    if (options_.frontier) {
      draw_frontier(planner);
      place_recipes(planner);
    }
    for (SizedPlan& sized : out_.plans) {
      if (!options_.check) break;
      sized.check = check_plan(out_.model, sized.plan.plan, *options_.check, notes_, progress_);
    }
    return std::move(out_);
  }

 private:
  bool go_on(double fraction, std::string_view what) const {
    return !progress_ || progress_(fraction, what);
  }
  void step(std::size_t i, std::size_t n) const {
    if (!go_on(static_cast<double>(i) / static_cast<double>(n), "planning"))
      throw failed("stopped");
  }

  void note_encoders() const {
    if (out_.costs.encoder_version != kEncoderVersion) {
      notes_.warn(fmt::format("{} has costs of other encoders (version {}, this lathe has {})",
                              out_.costs.origin, out_.costs.encoder_version, kEncoderVersion));
    }
    if (out_.costs.encoders == kCalibratedEncoders) {
      notes_.say("the costs are of calibrated rounding: quantize --calibrate");
      if (options_.check) {
        notes_.warn("--check encodes plainly: it measures more than calibrated rounding leaves");
      }
      return;
    }
    if (out_.model.imatrix || !out_.costs.importance) return;
    notes_.say("the costs are of quantizing with an importance matrix: give it to quantize too");
  }

  Metadata metadata_of(const Plan& plan) const {
    QuantizeJob job{
        *out_.model.source, plan, out_.model.imatrix ? &*out_.model.imatrix : nullptr, {}, true};
    if (out_.model.identity) job.identity = &*out_.model.identity;
    job.layer_metadata = out_.model.job({}, true).layer_metadata;
    return quantized_metadata(job);
  }

  // Sizes at even steps of their logarithm.
  void draw_frontier(const MeasuredPlanner& planner) {
    const std::uint64_t least = planner.smallest_file(), most = planner.largest_file();
    const double ratio = static_cast<double>(most) / static_cast<double>(least);
    for (int i = 0; i < kFrontierPoints; ++i) {
      step(static_cast<std::size_t>(i), kFrontierPoints);
      const double size = static_cast<double>(least) * std::pow(ratio, i / (kFrontierPoints - 1.0));
      const FrontierPoint point = point_of(
          planner.for_file_bytes(std::clamp(static_cast<std::uint64_t>(size), least, most)));
      if (!out_.frontier.empty() && out_.frontier.back().file_bytes == point.file_bytes) continue;
      out_.frontier.push_back(point);
    }
  }

  void place_recipes(const MeasuredPlanner& planner) {
    for (const Recipe& recipe : all_recipes()) {
      if (!go_on(0.99, "placing recipes")) throw failed("stopped");
      PlanRequest request = request_.rules;
      request.recipe = &recipe;
      const Plan plan = make_plan(out_.model.header, request);
      const auto predicted = planner.predict(plan);
      if (!predicted) continue;
      const std::uint64_t bytes = planner.file_bytes(plan);
      if (bytes < planner.smallest_file()) continue;
      out_.recipes.push_back({std::string(recipe.name),
                              {bytes, plan.bits_per_weight(), *predicted},
                              point_of(planner.for_file_bytes(bytes))});
    }
    std::stable_sort(out_.recipes.begin(), out_.recipes.end(),
                     [](const RecipePoint& a, const RecipePoint& b) {
                       return a.of.file_bytes > b.of.file_bytes;
                     });
  }

  const MeasuredPlanOptions& options_;
  const Notes& notes_;
  const JobProgress& progress_;
  std::vector<std::uint64_t> sizes_;
  MeasuredPlanRequest request_;
  MeasuredPlans out_;
};

}  // namespace

MeasuredPlans run_measured_plans(const MeasuredPlanOptions& options, const Notes& notes,
                                 const JobProgress& progress) {
  return MeasuredPlanJob(options, notes, progress).run();
}

}  // namespace lathe
