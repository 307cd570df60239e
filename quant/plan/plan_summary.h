// What a plan comes to, before any work: sizes, totals by type, what the importance matrix covers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "quant/plan/plan.h"

namespace lathe {

struct Imatrix;

struct FormatTotal {
  Format format = Format::F32;
  std::size_t n_tensors = 0;
  std::uint64_t n_elements = 0;
  std::uint64_t n_bytes = 0;
};
// In the order of the list of formats.
std::vector<FormatTotal> format_totals(const Plan& plan);

std::size_t n_fallbacks(const Plan& plan) noexcept;

// Of one whole file with this metadata: header, tensors, padding.
std::uint64_t planned_file_bytes(const Plan& plan, const Metadata& metadata);

// What is worth knowing about importance, each a sentence; empty when all is as the plan expects.
// `imatrix` is nullptr when none is given.
std::vector<std::string> importance_notes(const Plan& plan, const Imatrix* imatrix);

// The refusal, where tensors would get types that are not usable without importance and have none:
// no matrix, none of theirs in it, or theirs excluded.
std::optional<std::string> importance_problem(const Plan& plan, const Imatrix* imatrix);

}  // namespace lathe
