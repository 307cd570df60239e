// What healing did, for people.
#pragma once

#include <string>
#include <vector>

#include "tools/jobs/heal_job.h"

namespace lathe {

// Error of each half before and after, what was kept; PPL and divergence of the original, the
// pruned and the healed model on the held-out text.
std::string heal_text(const HealOutcome& outcome, const std::string& time);

// What to be wary of, each a sentence.
std::vector<std::string> heal_warnings(const HealOutcome& outcome);

}  // namespace lathe
