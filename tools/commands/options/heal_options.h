// --heal and what belongs to it.
#pragma once

#include "tools/jobs/heal_job.h"

namespace CLI {
class App;
}

namespace lathe {

void add_heal_options(CLI::App& command, HealRequest& request);

}  // namespace lathe
