// What a release reads, looked at once: the source, and hashes of everything else, from which the
// identities of its steps are made.
#pragma once

#include <array>
#include <iterator>
#include <map>
#include <string>

#include "quant/plan/model_header.h"
#include "runtime/base/output_gate.h"
#include "tools/jobs/job_progress.h"
#include "tools/jobs/release/recipe.h"
#include "tools/jobs/release/results.h"

namespace lathe {

struct ReleaseInputs {
  ModelHeader header;
  ReleaseFile source_file;  // without sha256: it is not part of the release
  ReleaseSource source;
  ReleaseCard card;  // of the recipe, and what the source says where that says nothing
  std::string name;  // of the recipe, or of the source
  std::map<std::string, std::string> sha256;                    // of texts, plans, rules, by path
  std::array<std::string, std::size(kCardTests)> tasks_sha256;  // empty: no such test

  // Error (kFailed) for a path that was not hashed: a mistake of the program.
  const std::string& hash_of(const std::string& path) const;
};

// Error (kBadInput) for files that are not what they should be, (kFailed) when stopped.
ReleaseInputs open_release_inputs(const ReleaseRecipe& recipe, const JobProgress& progress);

// Tells the gate all that a release reads.
void release_reads(OutputGate& gate, const ReleaseRecipe& recipe);

// SHA-256 of a file's bytes. Error (kFailed) when the progress says stop.
std::string file_sha256(const std::string& path, const JobProgress& progress = {});

}  // namespace lathe
