// lathe plan --costs: plans of given sizes from measured costs.
#pragma once

#include <optional>
#include <string>

#include "tools/jobs/measured_plan_job.h"

namespace CLI {
class App;
}

namespace lathe {

struct PlanCostsOptions {
  MeasuredPlanOptions job;
  std::string svg;
  std::vector<std::string> check_texts;
  std::size_t check_chunks = 0;
  bool for_other_engines = false;

  bool given() const noexcept { return !job.costs.empty(); }
  // Something that only means anything with costs.
  bool any_other() const noexcept;
};

void add_plan_costs_options(CLI::App& command, PlanCostsOptions& options);

// What `lathe plan` does with costs; `out`: plan file, with {} in its name for several sizes.
int plan_costs_command(PlanCostsOptions options, const PlanOptions& plan,
                       const std::optional<std::string>& out, bool json, bool full,
                       const std::string& isa);

}  // namespace lathe
