// Options that decide what becomes of each tensor: the same for `plan` and `quantize`.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "quant/imatrix/imatrix.h"
#include "quant/pipeline/quantize.h"
#include "quant/plan/plan.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/identity/build_info.h"
#include "runtime/identity/fingerprint.h"
#include "tools/cli/command.h"

namespace lathe {

struct PlanOptions {
  std::string recipe;     // empty: given as an argument, or there is a plan file
  std::string plan_file;  // --plan: everything below but imatrix and allow_requantize is in it
  std::string imatrix;
  std::string output_type, embedding_type;
  std::vector<std::string> types, type_files;
  std::string prune_layers;
  std::vector<std::string> include_weights, exclude_weights;
  std::vector<std::string> overrides;
  bool pure = false;
  bool leave_output = false;
  bool types_after_prune = false;
  bool allow_requantize = false;
  bool allow_foreign_imatrix = false;
  // What the source is, all of its bytes; without, importance matrices are told by norms alone.
  std::function<ModelIdentity(const GgufFile&)> identify = {};
  const CLI::App* command = nullptr;  // knows the order of --tensor-type and --tensor-type-file
};

// The footer of the command's help lists precedence and recipes.
void add_plan_options(CLI::App& command, PlanOptions& options);

// A model, what becomes of it, and what it is done with.
struct PlannedModel {
  GgufFile source;
  ModelHeader header;
  std::optional<ModelIdentity> identity;
  std::optional<Imatrix> imatrix;
  std::vector<std::string> imatrix_notes;  // how it fits the model; each a sentence
  Plan plan;

  QuantizeJob job(std::string out_path, bool allow_requantize) const {
    QuantizeJob out{source, plan, imatrix ? &*imatrix : nullptr, std::move(out_path),
                    allow_requantize};
    out.lathe_version = build_version();
    out.identity = identity ? &*identity : nullptr;
    return out;
  }
};

// Opens the model and plans. `recipe` is the recipe among the arguments, empty when there is none.
// Error (kUsage) for no recipe, several, or options that do not go with --plan.
PlannedModel plan_model(const std::string& model, const std::string& recipe,
                        const PlanOptions& options);

std::string recipe_names();

}  // namespace lathe
