// Checkpoints of evaluations: where they lie, of what, how old, how large.
#pragma once

#include <string>
#include <vector>

#include "quant/eval/checkpoint_folder.h"

namespace lathe {

struct CheckpointList {
  std::string folder;
  std::vector<KeptCheckpoint> kept, removed;
};

std::string checkpoints_text(const CheckpointList& list);
std::string checkpoints_json(const CheckpointList& list);

}  // namespace lathe
