// A plan for people, and as JSON: the same from `plan` and `quantize --dry-run`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/jobs/plan_model.h"

namespace lathe {

std::string megabytes(std::uint64_t bytes);  // "12.34", of 10^6 bytes

// Table of all tensors (without `full` a long one is cut in the middle), totals, size of the file,
// what came of each rule that had an effect.
std::string plan_text(const PlannedModel& model, const QuantizeJob& job, bool full);
// The same as one JSON document, with warnings and problems.
std::string plan_document(const PlannedModel& model, const QuantizeJob& job);

// The table alone, with a line end below.
std::string tensors_text(const Plan& plan, bool full);
// Totals by type, size and bits per weight before and after.
std::string totals_text(const Plan& plan);
// A line for each explicit rule that had an effect.
std::string rules_text(const Plan& plan);
// Rules without effect, and what is worth knowing about importance: each a sentence.
std::vector<std::string> plan_warnings(const Plan& plan, const Imatrix* imatrix);
// The first of plan_problems(), and how many more there are.
std::vector<std::string> shown_problems(const std::vector<std::string>& problems);

}  // namespace lathe
