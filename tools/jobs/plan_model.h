// What becomes of each tensor of a model: from what a person asked for to a plan.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/import/import_checkpoint.h"
#include "quant/imatrix/imatrix.h"
#include "quant/pipeline/quantize.h"
#include "quant/plan/plan.h"
#include "runtime/identity/fingerprint.h"
#include "runtime/tensor_source.h"

namespace lathe {

// --tensor-type PATTERN=TYPE, or a file of such rules.
struct RuleOption {
  std::string text;
  bool is_file = false;
};

struct PlanOptions {
  std::string model;          // a GGUF file, or the folder of a checkpoint,
  ImportOptions import = {};  // which is read so,
  Notes import_notes = {};    // and what of it is left out
  std::string recipe;         // name or number; empty where there is a plan file
  std::string plan_file;      // everything below but imatrix and allow_requantize is in it
  std::string imatrix;
  std::string output_type, embedding_type;
  std::vector<RuleOption> rules;  // in the order in which they were given
  std::optional<std::string> prune_layers;
  std::vector<std::string> include_weights, exclude_weights;
  std::vector<std::string> overrides;
  bool pure = false;
  bool leave_output = false;
  bool types_after_prune = false;
  bool allow_requantize = false;
  bool allow_foreign_imatrix = false;
  bool calibrated = false;  // codes are chosen by calibration: every column has its importance
  // What the source is, all of its bytes; without, importance matrices are told by norms alone.
  std::function<ModelIdentity(const TensorSource&)> identify = {};
};

// A model, what becomes of it, and what it is done with.
struct PlannedModel {
  std::unique_ptr<TensorSource> source;
  ModelHeader header;
  std::optional<ModelIdentity> identity;
  std::optional<Imatrix> imatrix;
  std::vector<std::string> imatrix_notes;  // how it fits the model; each a sentence
  Plan plan;

  // Points into this. `out_path` is empty for a job that is only looked at.
  QuantizeJob job(std::string out_path, bool allow_requantize) const;
};

// The plan alone, of a model's header: of files nothing but the plan and the rules is read, and an
// importance matrix that is named need not be there yet. Errors as below.
Plan plan_of(const PlanOptions& options, const ModelHeader& model);

// Opens the model and plans. Error (kUsage) for no recipe, for one that there is none of, and for
// options that do not go together, as all of a plan's with a plan file.
PlannedModel plan_model(const PlanOptions& options);

// The same options as a request, for a model.
PlanRequest plan_request(const PlanOptions& options, const ModelHeader& model);

}  // namespace lathe
