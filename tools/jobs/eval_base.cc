#include "tools/jobs/eval_base.h"

#include "models/registry.h"

namespace lathe {

LoadedModel::LoadedModel(const std::string& path)
    : file(GgufFile::open(path)), model(load_model(file)) {}

EvalBase open_base(const std::string& path) {
  if (path.empty()) return {};
  if (is_divergence_base(path)) return {nullptr, open_divergence_base(path)};
  return {std::make_unique<LoadedModel>(path), nullptr};
}

}  // namespace lathe
