#include "tools/jobs/eval_base.h"

namespace lathe {

EvalBase open_base(const std::string& path) {
  if (path.empty()) return {};
  if (is_divergence_base(path)) return {nullptr, open_divergence_base(path)};
  return {std::make_unique<LoadedModel>(path), nullptr};
}

}  // namespace lathe
