#include "tools/jobs/stats.h"

#include <optional>

#include "models/import/import_checkpoint.h"
#include "quant/imatrix/imatrix.h"
#include "runtime/identity/fingerprint.h"

namespace lathe {
namespace {

ModelIdentity identity_of(const TensorSource& file, ThreadPool& pool, const JobProgress& progress) {
  return model_identity(file, {.pool = &pool, .progress = [&](double fraction) {
                                 return progress(fraction, "hashing the model");
                               }});
}

void measure_weights(const StatsRequest& request, const std::string& isa, const Notes& notes,
                     const JobProgress& progress, std::optional<Imatrix>& imatrix,
                     TableStats& out) {
  const KernelTable kernels = kernels_of(isa);
  ThreadPool pool({.n_threads = request.engine.n_threads});
  const auto source = open_source(request.engine.model);
  const TensorSource& model = *source;
  const ModelIdentity identity = identity_of(model, pool, progress);
  out.model = {model.path(), identity.fingerprint};
  if (imatrix) {
    for (const auto& note : fit_imatrix(*imatrix, origin_of(model, &identity), true)) {
      notes.warn(note);
    }
  }
  out.weights = weight_stats(model, kernels, pool,
                             [&](double fraction) { return progress(fraction, "weights"); });
}

}  // namespace

TableStats measure_tables(const StatsRequest& request, const std::string& isa, const Notes& notes,
                          const JobProgress& progress) {
  TableStats out;
  std::optional<Imatrix> imatrix;
  if (!request.imatrix.empty()) {
    imatrix = read_imatrix(request.imatrix);
    out.imatrix = {request.imatrix, imatrix->sha256};
  }
  if (!request.engine.model.empty()) measure_weights(request, isa, notes, progress, imatrix, out);
  if (imatrix) out.activations = activation_stats(*imatrix, request.active_threshold);
  return out;
}

BlockStats measure_blocks(const StatsRequest& request, const std::string& isa, const Notes& notes,
                          const JobProgress& progress) {
  OpenModel open(request.engine, isa);
  TextOrigin origin;
  const TextChunks text = open_text(open.file, request.text, request.engine, &origin);
  for (const std::string& warning : origin.warnings) notes.warn(warning);
  BlockStats out;
  out.model = {open.file.path(), identity_of(open.file, open.pool, progress).fingerprint};
  for (std::size_t i = 0; i < origin.names.size(); ++i) {
    out.texts.push_back({origin.names[i], origin.sha256[i]});
  }
  const auto runner = open_runner({{*open.model, open.file.files()}}, request.engine, request.order,
                                  open.kernels, open.pool, text.n_ctx(), notes);
  out.result = measure_block_influence({*runner, open.kernels, open.pool}, text, progress);
  return out;
}

}  // namespace lathe
