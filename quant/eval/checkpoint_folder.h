// Where checkpoints of evaluations lie when nobody says where, and what is there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "quant/eval/eval_checkpoint.h"

namespace lathe {

// $XDG_STATE_HOME/lathe, else ~/.local/state/lathe (XDG Base Directory Specification), else lathe
// in the folder for temporary files.
std::string checkpoint_folder();

// The file of that folder that a run has: its name follows from what decides the run's result.
std::string checkpoint_path(const RunIdentity& identity);

struct KeptCheckpoint {
  std::string path;
  CheckpointLabel label;
  std::uint64_t bytes = 0;
  std::filesystem::file_time_type written{};
};

// Those of a folder, the newest first; files that are something else are left out. A folder that is
// not there has none.
std::vector<KeptCheckpoint> list_checkpoints(const std::string& folder);

// That which has most in common with `identity`, of the same measure (its first entry).
std::optional<KeptCheckpoint> nearest_checkpoint(const std::string& folder,
                                                 const RunIdentity& identity);

// Removes those of `kept` that were written more than `days` ago, and takes them out of it; returns
// them. Error (kFailed) for one that cannot be removed.
std::vector<KeptCheckpoint> remove_checkpoints_older_than(std::size_t days,
                                                          std::vector<KeptCheckpoint>& kept);

// "2026-11-26 20:14", local time.
std::string time_text(std::filesystem::file_time_type time);

}  // namespace lathe
