#include "tools/jobs/kept_prompt.h"

#include <algorithm>
#include <utility>

namespace lathe {
namespace {

// All that decides the bits of keys and values. The size of the context, threads and batches do
// not.
RunIdentity identity_of(OpenModel& open, const Session& session, const HashProgress& hashing) {
  RunIdentity identity;
  identity.emplace_back(
      "model", model_identity(open.file, {.pool = &open.pool, .progress = hashing}).fingerprint);
  put_engine(identity, std::string(format_name(session.options().k_format)),
             std::string(format_name(session.options().v_format)), open.kernels.tier);
  return identity;
}

}  // namespace

std::vector<Token> KeptPrompt::load(OpenModel& open, std::span<const Token> prompt,
                                    Session& session) {
  if (options_.path.empty()) return {};
  if (identity_.empty()) identity_ = identity_of(open, session, options_.hashing);
  PromptCache cache = read_prompt_cache(options_.path, identity_, prompt, session);
  kept_ = std::move(cache.tokens);
  return {kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(cache.n_taken)};
}

void KeptPrompt::save(std::span<const Token> tokens, std::size_t n_prompt, Session& session) const {
  if (!options_.target) return;
  const auto wanted = options_.all ? tokens : tokens.first(std::min(n_prompt, tokens.size()));
  const bool is_known =
      wanted.size() <= kept_.size() && std::equal(wanted.begin(), wanted.end(), kept_.begin());
  if (wanted.empty() || is_known) return;
  write_prompt_cache(session, wanted, identity_, *options_.target);
}

}  // namespace lathe
