// The job of `lathe run`: opens a model and goes on with a text.
#pragma once

#include <string>

#include "runtime/base/notes.h"
#include "runtime/generation.h"
#include "tools/jobs/chat_model.h"
#include "tools/jobs/draft.h"
#include "tools/jobs/engine.h"
#include "tools/jobs/grammar_input.h"
#include "tools/jobs/kept_prompt.h"

namespace lathe {

struct CompletionRequest {
  EngineOptions engine;  // n_ctx 0: as many as the prompt and its continuation need, 4096 at least
  std::string isa;
  GenerationOptions generation;
  std::string prompt;
  std::string prompt_name = "the prompt";  // what notes call it: "a.txt"
  // Where one of these is given, the prompt is a user's message, and the model answers it.
  ChatTemplateOptions chat_template;
  GrammarOptions grammar;  // of what is generated
  DraftOptions draft;
  PromptCacheOptions prompt_cache;
};

struct CompletionResult {
  double load_seconds = 0;
  std::size_t n_ctx = 0;
  GenerationResult generation;
};

// Error (kUsage) for a prompt that the context does not hold; (kBadInput) for a grammar that is
// none, before the model is opened; (kFailed) for a model whose numbers are not finite, naming
// layer and weight; as of KeptPrompt.
CompletionResult complete(const CompletionRequest& request, const GenerationCallbacks& callbacks,
                          const Notes& notes);

}  // namespace lathe
