// A plan for people, and as JSON: the same from `plan` and `quantize --dry-run`.
#pragma once

#include <cstdint>
#include <string>

#include "tools/commands/options/plan_options.h"

namespace lathe {

std::string megabytes(std::uint64_t bytes);  // "12.34", of 10^6 bytes

// Table of all tensors, totals, size of the file, what came of each rule; on stderr what keeps the
// plan from being carried out. True when nothing does.
bool print_plan(const PlannedModel& model, const QuantizeJob& job);
// The same as one JSON object.
bool print_plan_json(const PlannedModel& model, const QuantizeJob& job);

// Totals by type, size and bits per weight before and after.
void print_totals(const Plan& plan);
// What came of each explicit rule, warnings about those without effect and about importance on
// stderr.
void print_rules(const Plan& plan, const Imatrix* imatrix);

}  // namespace lathe
