#include "tools/jobs/inspection.h"

#include <utility>

namespace lathe {

Inspection inspect_file(const std::string& path) {
  GgufFile file = GgufFile::open(path);
  SizeSummary sizes = summarize_sizes(file.tensors());
  return {std::move(file), std::move(sizes)};
}

}  // namespace lathe
