#include "tools/jobs/completion.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "models/registry.h"
#include "runtime/base/error.h"
#include "tools/jobs/finite_generation.h"
#include "tools/jobs/texts.h"

namespace lathe {
namespace {

constexpr std::size_t kDefaultContext = 4096;
constexpr std::size_t kOpenEnd = 1024;  // tokens to make room for where no number is given

std::size_t context_size(const CompletionRequest& request, const ModelTraits& traits,
                         std::size_t n_prompt) {
  if (request.engine.n_ctx > 0) return request.engine.n_ctx;
  const std::int64_t n = request.generation.n_predict;
  const std::size_t more = n < 0 ? kOpenEnd : static_cast<std::size_t>(n);
  return std::min(traits.n_ctx_train, std::max(kDefaultContext, n_prompt + more));
}

std::vector<Token> tokens_of(const CompletionRequest& request, const TensorSource& file,
                             const Tokenizer& tokenizer) {
  const ChatTemplateOptions& chat = request.chat_template;
  if (!chat.given()) return prompt_tokens(tokenizer, request.prompt);
  return question_tokens(open_chat_template(chat, file, tokenizer), chat.system, request.prompt);
}

}  // namespace

CompletionResult complete(const CompletionRequest& request, const GenerationCallbacks& callbacks,
                          const Notes& notes) {
  const auto start = std::chrono::steady_clock::now();
  const std::optional<Grammar> grammar = read_grammar(request.grammar);
  OpenModel open(request.engine, request.isa);
  const Tokenizer tokenizer = Tokenizer::from_metadata(open.file.metadata(), request.engine.model);
  constexpr EncodeOptions kEncode = {.add_special = true, .parse_special = true};
  for (const std::string& warning :
       reading_warnings(tokenizer, request.prompt, request.prompt_name, kEncode)) {
    notes.warn(warning);
  }
  const std::vector<Token> tokens = tokens_of(request, open.file, tokenizer);
  CompletionResult result;
  result.n_ctx = context_size(request, open.model->traits(), tokens.size());
  if (tokens.size() > result.n_ctx) {
    throw usage_error(fmt::format("the prompt has {} tokens, the context {} (see -c)",
                                  tokens.size(), result.n_ctx));
  }
  for (const std::string& warning : metadata_warnings(open.file.metadata())) notes.warn(warning);
  for (const std::string& warning : context_warnings(open.file.metadata(), result.n_ctx)) {
    notes.warn(warning);
  }
  Session session(*open.model, open.kernels, open.pool,
                  session_options(request.engine, result.n_ctx, request.draft.n_rows()));
  const OpenDraft draft(request.draft, request.engine, open, tokenizer, result.n_ctx);
  GenerationOptions options = request.generation;
  options.grammar = over_vocabulary(grammar, tokenizer);
  KeptPrompt kept(request.prompt_cache);
  const std::vector<Token> held = kept.load(open, tokens, session);
  result.load_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.generation = generate_finite(open, session, tokenizer, tokens, options, callbacks, held,
                                      draft.speculation());
  const std::span<const Token> now_held = result.generation.tokens;
  kept.save(now_held.first(result.generation.n_kept), tokens.size(), session);
  return result;
}

}  // namespace lathe
