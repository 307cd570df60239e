#include "tools/jobs/inspection.h"

#include <utility>

#include "models/import/import_checkpoint.h"

namespace lathe {

Inspection inspect_file(const std::string& path) {
  auto source = open_source(path);
  SizeSummary sizes = summarize_sizes(source->tensors());
  return {std::move(source), std::move(sizes)};
}

}  // namespace lathe
