// What a generated text must match: the same options wherever text is generated.
#pragma once

#include "tools/jobs/grammar_input.h"

namespace CLI {
class App;
}

namespace lathe {

void add_grammar_options(CLI::App& command, GrammarOptions& options);

}  // namespace lathe
