// --draft, --lookup: what guesses ahead, wherever text is generated.
#pragma once

#include "tools/jobs/draft.h"

namespace CLI {
class App;
}

namespace lathe {

void add_draft_options(CLI::App& command, DraftOptions& options);

}  // namespace lathe
