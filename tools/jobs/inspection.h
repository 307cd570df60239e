// The job of `lathe inspect`: a model and where its bytes go.
#pragma once

#include <memory>
#include <string>

#include "runtime/gguf/size_summary.h"
#include "runtime/tensor_source.h"

namespace lathe {

struct Inspection {
  std::unique_ptr<const TensorSource> source;
  SizeSummary sizes;
};

// A GGUF file or the folder of a checkpoint. Error (kBadInput) for what is neither.
Inspection inspect_file(const std::string& path);

}  // namespace lathe
