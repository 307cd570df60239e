// A plan: what happens to each tensor of a model, and why.
//
// Planning is a pure function of the model's header and the request; nothing of the weights is
// read. A tensor's choice depends on its own name and layer number, never on the order of tensors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "quant/plan/metadata_override.h"
#include "quant/plan/model_header.h"
#include "quant/plan/recipe.h"
#include "quant/plan/recipe_choice.h"
#include "quant/plan/rule_report.h"
#include "quant/plan/type_rule.h"

namespace lathe {

struct PlanRequest {
  const Recipe* recipe = nullptr;
  bool imatrix = false;                           // an importance matrix is given
  bool pure = false;                              // the recipe's base instead of its mix
  std::optional<Format> output_format = {};       // --output-tensor-type
  std::optional<Format> embedding_format = {};    // --token-embedding-type
  bool leave_output = false;                      // output.weight stays as it is
  std::vector<TypeRule> rules = {};               // the first that matches decides
  std::vector<int> prune_layers = {};             // original numbers, in any order
  bool rules_after_prune = false;                 // rules see the new layer numbers
  std::vector<std::string> include_weights = {};  // parts of names: only these use importance
  std::vector<std::string> exclude_weights = {};  // parts of names: these do not use it
  std::vector<MetadataOverride> overrides = {};
};

struct PlannedTensor {
  TensorInfo source;  // as the source file has it: name with the original layer number
  std::string name;   // in the new file: another layer number where layers before it were pruned
  Format format = Format::F32;
  std::uint64_t n_bytes = 0;  // in the new file
  std::string reason;
  bool by_rule = false;           // an explicit rule decided, not the recipe
  bool fallback = false;          // the row length does not allow the format that was wanted
  bool needs_importance = false;  // the format is not usable here without an importance vector
  // False: encoded without one, also where the importance matrix has it (--exclude-weights).
  bool use_importance = true;

  bool copied() const noexcept { return format == source.format; }
};

struct Plan {
  std::string recipe;
  std::string origin;   // the plan file it was read from; empty for plans made of options
  bool edited = false;  // that file is not, or no longer, what a recipe and options gave
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

// What decides a tensor's format; the first that applies:
//
//   1. norms, biases, routers, 1-D tensors: never changed
//   2. embedding_format for token_embd.weight
//   3. output_format for output.weight
//   4. leave_output for output.weight
//   5. the first of `rules` that matches the name
//   6. output_format for token_embd.weight of models whose head is tied to it
//   7. pure: the recipe's base
//   8. the recipe, for the layer numbers and the number of layers after pruning
//
// Then, where a row is no multiple of the format's block, the fallback of format_for_row(). What is
// explicit (2 to 6) wins for every recipe, F16 and F32 too. Error (kUsage) for layers to prune that
// the model does not have, for pruning all, for include together with exclude, output_format with
// leave_output.
Plan make_plan(const ModelHeader& model, const PlanRequest& request);

// Every decision as text: the recipe, the file type, what is pruned, metadata that is set, and a
// line for each tensor. And its SHA-256.
std::string decisions_text(const Plan& plan);
std::string decisions_sha256(const Plan& plan);

// False for norms, biases and other small tensors that always keep their values.
bool is_quantizable(const TensorInfo& tensor) noexcept;

// The name of a tensor once `pruned` (ascending) are gone; nothing for tensors of those layers.
std::optional<std::string> name_after_pruning(const std::string& tensor,
                                              std::span<const int> pruned);

}  // namespace lathe
