// How much of a prompt the model has read, then how much the draft model has, where there is one.
#pragma once

#include <optional>
#include <string>

#include "runtime/generation.h"
#include "tools/cli/progress.h"

namespace lathe {

class PromptProgress {
 public:
  explicit PromptProgress(std::string label) : label_(std::move(label)), line_(label_) {}

  // The callbacks show it; they must not outlive this.
  void show_by(GenerationCallbacks& callbacks);
  // Something else that has to be done before.
  void update(double fraction, std::string_view detail) { line_.update(fraction, detail); }

 private:
  std::string label_;
  Progress line_;
  std::optional<Progress> draft_line_;  // from when it begins to read
};

}  // namespace lathe
