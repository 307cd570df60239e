#include "tools/jobs/finite_generation.h"

#include <fmt/format.h>

#include "quant/eval/non_finite.h"
#include "runtime/base/error.h"

namespace lathe {

GenerationResult generate_finite(OpenModel& open, Session& session, const Tokenizer& tokenizer,
                                 std::span<const Token> tokens, const GenerationOptions& options,
                                 const GenerationCallbacks& callbacks, std::span<const Token> held,
                                 Speculation* speculation) {
  FiniteWatch watch(open.pool);
  session.set_observer(&watch);
  GenerationCallbacks watched = callbacks;
  watched.should_stop = [&] {
    return watch.first().has_value() || (callbacks.should_stop && callbacks.should_stop());
  };
  GenerationResult result =
      generate(session, tokenizer, tokens, options, watched, held, speculation);
  session.set_observer(nullptr);
  if (watch.first() || result.end == GenerationEnd::kNotFinite) {
    RunOptions run;
    run.k_format = session.options().k_format;
    run.v_format = session.options().v_format;
    std::vector<Token> seen = result.tokens;
    seen.insert(seen.end(), result.drafted.begin(), result.drafted.end());
    throw failed(fmt::format("after {} tokens: the output of the model is not finite; {}",
                             result.tokens.size(),
                             locate_non_finite({*open.model}, open.kernels, open.pool, seen, run)));
  }
  return result;
}

}  // namespace lathe
