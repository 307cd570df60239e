// A plan as a file: JSON that people can read and edit, and that lathe replays.
//
//   {"lathe_plan": 1,
//    "model": {"architecture": "...", "n_layer": 32},
//    "recipe": "Q4_K_M", "file_type": 15, "imatrix": true,
//    "pruned_layers": [4, 5], "decisions_sha256": "...",
//    "metadata": [{"key": "general.name", "type": "str", "value": "..."}],
//    "tensors": [{"name": "blk.0.attn_k.weight", "shape": [2048, 512],
//                 "from": "f16", "to": "q4_K", "reason": "..."}]}
//
// Names and layers are those of the source. The hash tells a plan that was edited from one that is
// what the recipe and options gave (Plan::edited). It, "recipe", "imatrix", "pruned_layers",
// "metadata" and "reason" may be absent, and "importance": false marks tensors that do not use
// theirs. Everything that only follows from the rest (new names, bytes) is left out.
#pragma once

#include <string>
#include <string_view>

#include "quant/plan/plan.h"
#include "runtime/base/output_gate.h"

namespace lathe {

struct PlanFile {
  std::string origin;  // for messages
  std::string architecture;
  int n_layer = 0;
  // Of each tensor's source: name, shape and format. Bytes and places in files come from a model.
  Plan plan;
  std::string decisions_sha256;  // of the plan as lathe wrote it; empty where the file has none
};

// Error (kBadInput) naming the place for malformed JSON, missing, repeated and unknown keys, values
// of a wrong kind, unknown types, tensors given twice, types that do not fit their rows (and what
// would), types for tensors that always keep theirs.
PlanFile parse_plan(std::string_view json, const std::string& where);
PlanFile read_plan(const std::string& path);

// The plan for this model, in the order of its tensors. Error (kBadInput) naming the first
// difference between the model and the one that the plan was made for.
Plan plan_for_model(const PlanFile& file, const ModelHeader& model);

// One line for each tensor. Error (kFailed) for tensor names that are no UTF-8.
std::string plan_json(const Plan& plan, const ModelHeader& model);
void write_plan(const Plan& plan, const ModelHeader& model, const OutputTarget& target);

}  // namespace lathe
