// The base of a divergence: a model that runs along, or a file that one wrote.
#pragma once

#include <memory>
#include <string>

#include "quant/eval/base/divergence_base.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/model.h"

namespace lathe {

// A model and the file that it points into.
struct LoadedModel {
  // Error (kBadInput) for a file that is no model.
  explicit LoadedModel(const std::string& path);

  GgufFile file;
  std::unique_ptr<Model> model;
};

struct EvalBase {
  std::unique_ptr<LoadedModel> model;    // one of these two,
  std::unique_ptr<DivergenceBase> kept;  // or none where there is no base

  bool is_model() const noexcept { return model != nullptr; }
  bool is_file() const noexcept { return kept != nullptr; }
};

// Which of both it is follows from the content. `path` empty: no base.
EvalBase open_base(const std::string& path);

}  // namespace lathe
