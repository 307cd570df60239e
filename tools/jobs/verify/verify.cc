#include "tools/jobs/verify/verify.h"

#include <algorithm>

#include "tools/jobs/engine.h"

namespace lathe {

bool ModelComparison::matters() const noexcept {
  return std::any_of(differences.begin(), differences.end(),
                     [](const ModelDifference& d) { return d.matters; });
}

ModelComparison verify_model(const VerifyRequest& request, const Notes& notes,
                             const VerifyProgress& progress) {
  const KernelTable kernels = kernels_of(request.isa);
  const GgufFile found = GgufFile::open(request.model);
  const CheckpointSource expected = import_checkpoint(request.folder, request.import, notes);
  ThreadPool pool({.n_threads = request.n_threads});
  ModelComparison out;
  out.model = request.model;
  out.folder = request.folder;
  compare_metadata(found.metadata(), expected.metadata(), out);
  compare_tensors(found, expected, kernels, pool, progress, out);
  return out;
}

}  // namespace lathe
