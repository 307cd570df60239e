// Files that steps make, and how it is known later that they are still what was made.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/jobs/job_progress.h"
#include "tools/jobs/release/state.h"

namespace lathe {

// {"bytes", "modified_ns", "sha256"} of a file.
nlohmann::ordered_json stamp_json(const std::string& path, const JobProgress& progress);
// Whether the file at `path` is still that one: by size and time, or, where only the time is
// another, by its bytes. Never throws.
bool is_unchanged(const std::string& path, const nlohmann::ordered_json& stamp) noexcept;

// Error (kUsage) where a file of that name is there that no earlier run of the step made.
void refuse_foreign(const std::string& path, const std::string& key, const ReleaseState& state);

}  // namespace lathe
