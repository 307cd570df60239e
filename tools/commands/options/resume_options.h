// --resume, --checkpoint.
#pragma once

#include "quant/eval/checkpoint_keeper.h"

namespace CLI {
class App;
}

namespace lathe {

void add_resume_options(CLI::App& command, ResumeOptions& options);

}  // namespace lathe
