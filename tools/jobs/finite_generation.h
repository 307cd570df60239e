// Generation that stops where a model makes numbers that are none, and says where they came from.
#pragma once

#include <span>

#include "runtime/generation.h"
#include "tools/jobs/engine.h"

namespace lathe {

// As generate(), and looks at everything that enters a product meanwhile: beside reading the
// weights that costs nothing. Error (kFailed) naming layer and weight; of a token that was only
// guessed, too.
GenerationResult generate_finite(OpenModel& open, Session& session, const Tokenizer& tokenizer,
                                 std::span<const Token> tokens, const GenerationOptions& options,
                                 const GenerationCallbacks& callbacks,
                                 std::span<const Token> held = {},
                                 Speculation* speculation = nullptr);

}  // namespace lathe
