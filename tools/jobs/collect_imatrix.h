// The work of `lathe imatrix`: a model over a text, with what can be gone on with beside the
// result.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "quant/imatrix/collect.h"
#include "runtime/base/notes.h"
#include "runtime/identity/fingerprint.h"
#include "runtime/identity/run_identity.h"
#include "tools/jobs/imatrix_request.h"
#include "tools/jobs/job_progress.h"

namespace lathe {

struct ImatrixFiles {
  OutputTarget imatrix;
  OutputTarget checkpoint;  // until the imatrix is complete
};

class ImatrixRun {
 public:
  // Opens and hashes the model, reads the text, the in_files and, to resume, the checkpoint. All
  // must outlive the run. Error (kUsage) for a checkpoint of another run, naming what differs, and
  // for one that holds more than is asked for; (kFailed) when the progress says stop.
  ImatrixRun(const ImatrixRequest& request, const ImatrixFiles& files, const std::string& isa,
             const Notes& notes, const JobProgress& hashing);

  std::size_t n_chunks() const noexcept { return text_->n_chunks(); }
  std::size_t n_before() const noexcept { return done_.n_chunks; }  // of an earlier run

  // Collects, writes the file and removes the checkpoint. Error (kFailed) at a value that is not
  // finite, and when stopped: what whole chunks gave is kept then, see saved().
  Imatrix run(const CollectProgress& progress);
  // Of the whole text, after run(); nothing without --no-ppl's opposite.
  const std::optional<Estimate>& perplexity() const noexcept { return perplexity_; }
  // Whether there is something to go on with.
  bool saved() const noexcept { return saved_; }

 private:
  RunIdentity identity(const ModelIdentity& model) const;
  void load_checkpoint(const RunIdentity& of);
  Imatrix complete(Imatrix collected) const;
  CollectOptions collect_options();

  const ImatrixRequest& request_;
  const ImatrixFiles& files_;
  const Notes& notes_;
  OpenModel open_;
  TextOrigin text_origin_;
  std::optional<TextChunks> text_;
  ImatrixOrigin model_;
  std::vector<Imatrix> parts_;  // of in_files
  RunIdentity identity_;
  Checkpoint done_;
  std::optional<Estimate> perplexity_;
  bool saved_ = false;
};

}  // namespace lathe
