// The steps of a release: a pure function of its recipe and its inputs, known before any work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/identity/run_identity.h"
#include "tools/jobs/release/inputs.h"
#include "tools/jobs/release/recipe.h"
#include "tools/jobs/release/results.h"

namespace lathe {

enum class StepKind {
  kImatrix,
  kBlocks,
  kCosts,
  kPrune,
  kQuantize,
  kEvaluateText,
  kEvaluateTasks,
  kSpeed
};

// Of one model, or of the whole release: what the state knows (tools/jobs/release/state.h).
struct StepEntry {
  std::string key;        // "quantize Q4_K_M", "text wiki.test of Q4_K_M"
  std::string identity;   // identity_hash()
  std::size_t model = 0;  // in ReleaseSteps::models; 0, the source, for those of no model
};

struct ReleaseStep {
  StepKind kind{};
  std::string title;               // "Q4_K_M: quantize"
  std::vector<StepEntry> entries;  // done when all are
  std::size_t text = 0;            // of kEvaluateText: in ReleaseRecipe::texts
  int n_prune = 0;                 // of kPrune: layers to choose
};

struct ModelToMake {
  std::string name;
  ReleaseRole role = ReleaseRole::kVariant;
  std::string path;                // of the GGUF file
  ReleaseVariant variant;          // of the source: nothing
  std::string naive{};             // name of the plain model of the same size; empty: none
  std::uint64_t tensor_bytes = 0;  // as planned
  // Of the same recipe without anything else, in bytes of tensors; 0 where there is no such.
  std::uint64_t recipe_tensor_bytes = 0;
  std::string identity{};  // of its file
};

// What of the machine and of lathe decides results.
struct ReleaseEngine {
  std::string isa;    // asked for; empty: the best
  std::string tier;   // of the kernels
  std::string cpu;    // model name: of speeds
  int n_threads = 0;  // 0: one per physical core
  std::string build;  // build_words()
};

struct ReleaseSteps {
  std::string work_folder;          // what is not published: state, naive files
  std::string imatrix_path;         // empty: none
  std::string costs_path;           // of measured plans; empty: none
  std::vector<ModelToMake> models;  // the source, the variants, the naive ones
  std::vector<ReleaseStep> steps;

  const ModelToMake* find(const std::string& model) const noexcept;
};

// Error (kBadInput) for variants that cannot be planned, naming them.
ReleaseSteps plan_release(const ReleaseRecipe& recipe, const ReleaseInputs& inputs,
                          const ReleaseEngine& engine);

// What `lathe quantize` would be asked for.
PlanOptions plan_options(const ReleaseRecipe& recipe, const ReleaseSteps& steps,
                         const ReleaseVariant& variant);

}  // namespace lathe
