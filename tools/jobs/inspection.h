// The job of `lathe inspect`: a file and where its bytes go.
#pragma once

#include <string>

#include "runtime/gguf/gguf_file.h"
#include "runtime/gguf/size_summary.h"

namespace lathe {

struct Inspection {
  GgufFile file;
  SizeSummary sizes;
};

// Error (kBadInput) for a file that is no GGUF file.
Inspection inspect_file(const std::string& path);

}  // namespace lathe
