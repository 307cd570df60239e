// --resume, --checkpoint.
#pragma once

#include "quant/eval/checkpoint_keeper.h"

namespace CLI {
class App;
}

namespace lathe {

// For CLI::Option::check(): an empty name, as an unset variable of a shell gives, is none.
std::string output_name(const std::string& text);

void add_resume_options(CLI::App& command, ResumeOptions& options);

}  // namespace lathe
