// Which layers were chosen to be pruned, for people.
#pragma once

#include <string>

#include "tools/jobs/prune_choice.h"

namespace lathe {

// Each layer alone, cheapest last sets, the choice.
std::string prune_text(const PruneChoice& choice);

}  // namespace lathe
