// How the next token is drawn: the same options wherever text is generated.
#pragma once

#include <cstdint>

#include "runtime/generation.h"

namespace CLI {
class App;
}

namespace lathe {

// `seed`: -1 for another one each time.
void add_sampling_options(CLI::App& command, GenerationOptions& options, std::int64_t& seed);

}  // namespace lathe
