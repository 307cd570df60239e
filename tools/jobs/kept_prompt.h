// --prompt-cache of `lathe run` and `lathe chat`: what a model has read, kept for the next run.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/output_gate.h"
#include "runtime/identity/fingerprint.h"
#include "runtime/prompt_cache.h"
#include "tools/jobs/engine.h"

namespace lathe {

struct PromptCacheOptions {
  std::string path;                      // empty: none
  bool all = false;                      // what was generated is kept, too
  bool read_only = false;                // the file is used, never written
  std::optional<OutputTarget> target{};  // of the path, unless read_only
  HashProgress hashing{};                // while the model is read for its fingerprint
};

class KeptPrompt {
 public:
  explicit KeptPrompt(PromptCacheOptions options) : options_(std::move(options)) {}

  // Puts the beginning of the prompt that is known into the empty session; gives back the tokens
  // that the session holds then. Errors as of read_prompt_cache().
  std::vector<Token> load(OpenModel& open, std::span<const Token> prompt, Session& session);
  // Keeps what the session holds of `tokens`, from position 0 on, unless the file has them all. Of
  // those, only the first `n_prompt` are from prompts.
  void save(std::span<const Token> tokens, std::size_t n_prompt, Session& session) const;

 private:
  PromptCacheOptions options_;
  RunIdentity identity_;
  std::vector<Token> kept_;  // what the file holds
};

}  // namespace lathe
