#include "tools/report/passes_text.h"

#include <fmt/format.h>

namespace lathe {

std::string passes_text(const PassCounts& passes) {
  return fmt::format("drafted {} tokens, accepted {} ({:.1f} %), {:.2f} tokens a step",
                     passes.n_drafted, passes.n_accepted, 100 * passes.share_accepted(),
                     passes.tokens_per_pass());
}

}  // namespace lathe
