// A plan: what happens to each tensor of a model, and why.
//
// Planning is a pure function of the model's header and the request; nothing of the weights is
// read. A tensor's choice depends on its own name and layer number, never on the order of tensors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "quant/plan/metadata_override.h"
#include "quant/plan/model_header.h"
#include "quant/plan/recipe.h"
#include "quant/plan/rule_report.h"

namespace lathe {

struct PlanRequest {
  const Recipe* recipe = nullptr;
  bool imatrix = false;  // an importance matrix is given
  bool pure = false;     // every tensor that is quantized at all gets the base
  std::optional<Format> output_format =
      std::nullopt;  // for output.weight (token_embd.weight where tied)
  std::optional<Format> embedding_format = std::nullopt;  // for token_embd.weight, tied or not
};

struct PlannedTensor {
  TensorInfo source;  // as the source file has it: name with the original layer number
  std::string name;   // in the new file: another layer number where layers before it were pruned
  Format format = Format::F32;
  std::uint64_t n_bytes = 0;  // in the new file
  std::string reason;
  bool fallback = false;          // the row length does not allow the format that was wanted
  bool needs_importance = false;  // the format is not usable here without an importance vector
  // False: encoded without one, also where the importance matrix has it (--exclude-weights).
  bool use_importance = true;

  bool copied() const noexcept { return format == source.format; }
};

struct Plan {
  std::string recipe;
  std::uint32_t file_type = 0;
  std::vector<int> pruned_layers;      // original numbers, ascending; their tensors are left out
  bool imatrix = false;                // made for quantizing with an importance matrix
  std::vector<PlannedTensor> tensors;  // in the order of the new file
  std::vector<MetadataOverride> overrides;  // of the new file's metadata, applied last
  std::vector<RuleReport> rule_reports;     // one for each explicit rule; not part of a plan file

  std::uint64_t n_elements() const noexcept;
  std::uint64_t source_bytes() const noexcept;  // tensor data only
  std::uint64_t bytes() const noexcept;         // tensor data only
  double bits_per_weight() const noexcept;
};

// Precedence: tensors that are never quantized; embedding_format; output_format; `pure`; the
// recipe's rules; its base. Then, where a row is no multiple of the format's block, its fallback.
Plan make_plan(const ModelHeader& model, const PlanRequest& request);

// What replaces `format` in rows of n_cols elements; `format` itself when it fits.
Format format_for_row(Format format, std::uint64_t n_cols) noexcept;

// False for norms, biases and other small tensors that always keep their values.
bool is_quantizable(const TensorInfo& tensor) noexcept;

}  // namespace lathe
