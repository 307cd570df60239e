#include "tools/cli/prompt_progress.h"

namespace lathe {

void PromptProgress::show_by(GenerationCallbacks& callbacks) {
  callbacks.on_prompt = [this](double share) {
    draft_line_.reset();
    line_.update(share, "");
  };
  callbacks.on_draft_prompt = [this](double share) {
    if (!draft_line_) draft_line_.emplace(label_ + ", draft model");
    draft_line_->update(share, "");
  };
}

}  // namespace lathe
