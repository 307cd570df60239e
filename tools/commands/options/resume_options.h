// --resume, --checkpoint.
#pragma once

#include "tools/jobs/eval_resume.h"

namespace CLI {
class App;
}

namespace lathe {

void add_resume_options(CLI::App& command, ResumeOptions& options);

}  // namespace lathe
