// The base of a divergence: a model that runs along, or a file that one wrote.
#pragma once

#include <memory>
#include <string>

#include "quant/eval/base/divergence_base.h"
#include "tools/jobs/engine.h"

namespace lathe {

struct EvalBase {
  std::unique_ptr<LoadedModel> model;    // one of these two,
  std::unique_ptr<DivergenceBase> kept;  // or none where there is no base

  bool is_model() const noexcept { return model != nullptr; }
  bool is_file() const noexcept { return kept != nullptr; }
};

// Which of both it is follows from the content. `path` empty: no base.
EvalBase open_base(const std::string& path);

}  // namespace lathe
