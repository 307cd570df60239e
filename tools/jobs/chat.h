// The job of `lathe chat`: a conversation with a model, turn by turn.
//
// The session keeps what it has read: a turn computes only the tokens that the model has not seen
// in their places. Where the context has no room for the conversation, its oldest turns are left
// out of what the model reads; the conversation itself keeps them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/notes.h"
#include "runtime/base/output_gate.h"
#include "runtime/generation.h"
#include "runtime/text/tool_calls.h"
#include "tools/jobs/chat_model.h"
#include "tools/jobs/draft.h"
#include "tools/jobs/engine.h"
#include "tools/jobs/grammar_input.h"
#include "tools/jobs/kept_prompt.h"

namespace lathe {

struct ChatRequest {
  EngineOptions engine;  // n_ctx 0: what the model was trained for, 8192 at most
  std::string isa;
  GenerationOptions generation;
  ChatTemplateOptions chat_template;
  GrammarOptions grammar;       // of each reply anew
  std::string tools_file;       // JSON list of tools that the model may call; empty: none
  bool stop_when_full = false;  // an Error instead of leaving out the oldest turns
  DraftOptions draft;
  PromptCacheOptions prompt_cache;
};

struct ChatReply {
  std::string text;
  std::vector<ToolCall> calls;
  GenerationEnd end = GenerationEnd::kEnough;
  std::size_t n_left_out = 0;  // turns, of the oldest, that the model did not see
};

struct ChatStats {
  std::size_t n_turns = 0;
  std::size_t n_ctx = 0, n_used = 0;  // tokens
  std::size_t n_reused = 0;           // tokens of prompts that were not computed again
  TokenRate prompt, generated;        // of all replies together
  PassCounts passes;                  // likewise
  bool speculates = false;
  double load_seconds = 0;
};

class Chat {
 public:
  // Opens the model. Error for a model without a template (tools/jobs/chat_model.h), for a grammar
  // that is none.
  Chat(const ChatRequest& request, const Notes& notes);
  ~Chat();

  // One turn. Where it ends in an Error (a template that refuses, a message beyond the context),
  // the conversation is as before. A reply that was stopped stays, as far as it came.
  ChatReply ask(const std::string& text, const GenerationCallbacks& callbacks);
  // The result of the tool that was called last. Error (kUsage) where none was.
  ChatReply answer_tool(const std::string& result, const GenerationCallbacks& callbacks);
  // The last turn once more, with other draws. Error (kUsage) where there is none.
  ChatReply retry(const GenerationCallbacks& callbacks);
  void undo();                               // the last turn. Error (kUsage) where there is none
  void reset();                              // everything but the system prompt
  void set_system(const std::string& text);  // empty: none
  std::string system() const;

  // "temp", "0.7": a setting of the sampler by its option's name. Error (kUsage) for what is none.
  void set(std::string_view name, std::string_view value);
  std::string settings() const;  // "temp 0.8, top-k 40, ..."

  // The messages as JSON: [{"role", "content"}, ...]. Errors as of files; (kBadInput) for one that
  // holds no conversation.
  void save(const std::string& path) const;
  void load(const std::string& path);

  // Keeps what the model has read for the next conversation that begins so (--prompt-cache).
  void keep_prompt() const;

  ChatStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
