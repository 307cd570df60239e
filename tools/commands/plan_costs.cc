#include "tools/commands/plan_costs.h"

#include <CLI/CLI.hpp>
#include <utility>
#include <vector>

#include "quant/plan/plan_file.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/report/frontier_svg.h"
#include "tools/report/measured_plan_report.h"
#include "tools/report/plan_report.h"

namespace lathe {
namespace {

constexpr const char* kGroup = "Measured plans (lathe measure)";
constexpr std::string_view kPlace = "{}";

// The name of the plan file of one size.
std::string name_for(std::string out, const std::string& size) {
  const std::size_t at = out.find(kPlace);
  if (at == out.npos) return out;
  std::string part;
  for (const char c : size) part += c == ' ' || c == '/' ? '-' : c;
  return out.replace(at, kPlace.size(), part);
}

struct Outputs {
  std::vector<OutputTarget> plans;  // by size; empty: none are written
  std::optional<OutputTarget> svg;
};

Outputs admitted(const PlanCostsOptions& options, const std::optional<std::string>& out) {
  OutputGate gate;
  reads_plan_inputs(gate, options.job.plan);
  reads_files(gate, {options.job.costs}, "the costs");
  reads_files(gate, options.check_texts, "the text");
  Outputs outputs;
  if (!options.svg.empty()) {
    if (!options.job.frontier) throw usage_error("--svg draws the --frontier");
    outputs.svg = gate.admit(options.svg, {.what = "a picture", .kind = OutputKind::kText});
  }
  if (!out) return outputs;
  std::vector<std::string> sizes = options.job.sizes;
  for (const double bits : options.job.bits) sizes.push_back(fmt::format("{} bpw", bits));
  if (sizes.empty()) throw usage_error("-o wants a plan: --size or --bpw");
  if (sizes.size() > 1 && out->find(kPlace) == out->npos) {
    throw usage_error("several plans want a name each: -o plan-{}.json, where {} is the size");
  }
  for (const std::string& size : sizes) {
    outputs.plans.push_back(
        gate.admit(name_for(*out, size), {.what = "a plan", .kind = OutputKind::kText}));
  }
  return outputs;
}

void print(const MeasuredPlans& plans, bool json, bool full) {
  if (json) return put_text(measured_plans_document(plans));
  if (plans.plans.size() != 1 || !plans.frontier.empty()) {
    return put_text(measured_plans_text(plans));
  }
  const SizedPlan& sized = plans.plans.front();
  put_text(tensors_text(sized.plan.plan, full) + totals_text(sized.plan.plan) +
           fmt::format("file: {} MB at most\n", megabytes(sized.plan.file_bytes)) +
           prediction_text(sized, plans.costs) + rules_text(sized.plan.plan));
}

}  // namespace

bool PlanCostsOptions::any_other() const noexcept {
  return !job.sizes.empty() || !job.bits.empty() || job.frontier || !svg.empty() ||
         !job.types.empty() || job.may_prune || for_other_engines || !check_texts.empty() ||
         check_chunks > 0;
}

void add_plan_costs_options(CLI::App& command, PlanCostsOptions& o) {
  const auto in_group = [](CLI::Option* option) { option->group(kGroup); };
  in_group(command
               .add_option("--costs", o.job.costs,
                           "Costs that lathe measure found: they decide the types, not a recipe")
               ->type_name("FILE"));
  in_group(command
               .add_option("--size", o.job.sizes,
                           "Most bytes of the file: 4.5GB, 4.2GiB, or a number; may be repeated")
               ->type_name("SIZE")
               ->allow_extra_args(false));
  in_group(command
               .add_option("--bpw", o.job.bits,
                           "The same in bits for each weight of the model; may be repeated")
               ->check(real_number(0.01, 64.0))
               ->type_name("X")
               ->allow_extra_args(false));
  in_group(command.add_flag("--frontier", o.job.frontier,
                            "Plans of all sizes, and the recipes beside them"));
  in_group(command.add_option("--svg", o.svg, "Draw the frontier")->type_name("FILE"));
  in_group(command
               .add_option("--types", o.job.types,
                           "Types that may be chosen, as q4_k,q5_k,q8_0 (default: all measured)")
               ->type_name("LIST"));
  in_group(command.add_flag("--may-prune", o.job.may_prune,
                            "Whole layers may be left out, where that costs least"));
  in_group(command.add_flag("--other-engine", o.for_other_engines,
                            "Leave out what lathe's own products round"));
  in_group(command
               .add_option("--check", o.check_texts,
                           "Measure the divergence of each plan from the source on this text")
               ->type_name("TEXT")
               ->allow_extra_args(false));
  in_group(command.add_option("--check-chunks", o.check_chunks, "Use the first N chunks of it")
               ->check(one_or_more)
               ->type_name("N"));
}

int plan_costs_command(PlanCostsOptions options, const PlanOptions& plan,
                       const std::optional<std::string>& out, bool json, bool full,
                       const std::string& isa) {
  options.job.plan = plan;
  options.job.activations = !options.for_other_engines;
  if (!options.check_texts.empty()) {
    options.job.check.emplace();
    options.job.check->engine.model = plan.model;
    options.job.check->isa = isa;
    options.job.check->text = {.files = options.check_texts, .max_chunks = options.check_chunks};
  }
  const Outputs outputs = admitted(options, out);
  const bool to_standard_output = !outputs.plans.empty() && outputs.plans[0].is_standard_output();
  if (to_standard_output && json) throw usage_error("--json and -o - would both print");
  return run_interruptible([&] {
    Progress progress("plan");
    const MeasuredPlans plans = run_measured_plans(options.job, notes_on_screen(),
                                                   [&](double fraction, std::string_view step) {
                                                     progress.update(fraction, step);
                                                     return !InterruptGuard::requested();
                                                   });
    progress.clear();
    if (!to_standard_output) print(plans, json, full);
    for (std::size_t i = 0; i < outputs.plans.size(); ++i) {
      write_plan(plans.plans[i].plan.plan, plans.model.header, outputs.plans[i]);
      if (!json && !to_standard_output) lathe::print("wrote {}\n", outputs.plans[i].name());
    }
    if (outputs.svg) write_text(*outputs.svg, frontier_svg(plans));
  });
}

}  // namespace lathe
