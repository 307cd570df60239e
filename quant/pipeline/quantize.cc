#include "quant/pipeline/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "quant/calibrate/use_calibration.h"
#include "quant/pipeline/find_non_finite.h"
#include "quant/pipeline/journal.h"
#include "quant/pipeline/output_set.h"
#include "quant/pipeline/provenance.h"
#include "quant/pipeline/reuse.h"
#include "quant/pipeline/tensor_encoder.h"
#include "quant/pipeline/verify.h"
#include "quant/plan/prune_metadata.h"
#include "runtime/base/digest.h"
#include "runtime/base/disk_space.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/identity/fingerprint.h"
#include "runtime/tensor_source.h"

namespace lathe {
namespace {

// Decoded and encoded between two writes, by each thread: half a second of the slowest format, so
// that a stop is heard.
constexpr std::uint64_t kChunkElements = 512U << 10;
constexpr std::uint64_t kCopyBytes = 16U << 20;

// One run of the pipeline: buffers and counters.
class Pipeline {
 public:
  Pipeline(const QuantizeJob& job, const Shards& shards, const KernelTable& kernels,
           ThreadPool& pool)
      : job_(job),
        kernels_(kernels),
        pool_(pool),
        encoder_(job, kernels, pool),
        reusable_(job, tensor_inputs(job)) {
    for (const auto& shard : shards) order_.insert(order_.end(), shard.begin(), shard.end());
    progress_.elements_total = job.plan.n_elements();
    journal_contents_.job = job_fingerprint(job);
  }

  QuantizeResult run(const Shards& shards, const AdmittedOutputs& outputs) {
    for (const OutputTarget& file : outputs.files) result_.paths.push_back(file.name());
    const JournalContents left = read_journal(job_.out_path);
    check_journal(left);
    OutputSet out(job_, shards, outputs.files, left);
    const std::uint64_t there = std::min(out.total_bytes(), out.leftover_bytes());
    check_disk_space(outputs.files.front().path(), out.total_bytes() - there);
    if (!job_.resume) check_source();
    journal_contents_.parts = out.parts();
    if (job_.resume) {
      out.begin();
      resume(out, left);
    } else {
      give_up(left, out);
    }
    JournalWriter journal(outputs.journal, journal_contents_);
    if (!job_.resume) out.begin();
    run_tensors(out, journal);
    for (std::string& why : reusable_.obstacles()) result_.warnings.push_back(std::move(why));
    finish(out, journal);
    return std::move(result_);
  }

 private:
  void check_journal(const JournalContents& left) const {
    const std::string path = journal_path(job_.out_path);
    if (left.foreign) {
      throw usage_error(fmt::format(
          "{}: {} is there and is no journal of lathe: it is not touched; move it away, or name "
          "another output",
          job_.out_path, path));
    }
    if (!job_.resume) return;
    if (left.job.empty()) {
      throw usage_error(fmt::format("{}: nothing to resume, there is no {}", job_.out_path, path));
    }
    if (left.job != journal_contents_.job) {
      throw usage_error(fmt::format(
          "{}: the interrupted run was another one (model, plan, importance matrix or version "
          "differ); without --resume it starts afresh",
          job_.out_path));
    }
  }

  // What an earlier run left is not gone on with. Emptied before the journal says something else of
  // it, so that at any moment the journal tells whose it is.
  void give_up(const JournalContents& left, OutputSet& out) const {
    out.clear();
    out.keep_temporary(false);
    const std::string folder = journal_path(job_.out_path);
    for (const JournalPart& part : left.parts) {
      const bool used = std::any_of(out.parts().begin(), out.parts().end(),
                                    [&](const JournalPart& p) { return p.file == part.file; });
      if (used) continue;
      remove_leftover(folder.substr(0, folder.rfind('/') + 1) + part.file, part.beginning);
    }
  }

  void run_tensors(OutputSet& out, JournalWriter& journal) {
    try {
      for (std::size_t i = result_.n_resumed; i < order_.size(); ++i) run_tensor(i, out, journal);
      verify(out);
    } catch (const Error& error) {
      if (!keep_finished(out, journal) || !writing_failed_) throw;
      throw Error(error.kind(),
                  fmt::format("{}; {} finished tensors are kept: when there is room, the same "
                              "command with --resume goes on",
                              error.what(), journal_contents_.tensors.size()));
    } catch (...) {
      keep_finished(out, journal);
      throw;
    }
  }

  // What was stopped, or had no room, can go on; what failed otherwise would fail again.
  bool keep_finished(OutputSet& out, JournalWriter& journal) const {
    const bool resumable = stopped_ || writing_failed_ || (job_.resume && !verifying_);
    const bool keep = resumable && !journal_contents_.tensors.empty();
    out.keep_temporary(keep);
    journal.keep(keep);
    return keep;
  }

  template <class Write>
  void writing(Write write) {
    writing_failed_ = true;
    write();
    writing_failed_ = false;
  }

  // Hours of work are not thrown away for a name.
  void finish(OutputSet& out, JournalWriter& journal) {
    try {
      out.finish();
    } catch (...) {
      out.keep_temporary(true);
      journal.keep(true);
      throw;
    }
    result_.file_bytes = out.total_bytes();
  }

  // Before anything is written.
  void check_source() {
    for (std::string& warning :
         prune_warnings(job_.plan.pruned_layers, job_.layer_metadata, job_.source.metadata())) {
      result_.warnings.push_back(std::move(warning));
    }
    QuantizeProgress progress = progress_;
    progress.phase = QuantizePhase::kCheck;
    require_finite(job_.source, job_.plan, kernels_, pool_,
                   [&](const PlannedTensor& next, std::size_t n_done, std::uint64_t elements) {
                     progress.tensor = &next;
                     progress.n_tensors_done = n_done;
                     progress.elements_done = elements;
                     report(progress);
                   });
  }

  // Takes over the finished tensors whose bytes are what the journal says.
  void resume(OutputSet& out, const JournalContents& left) {
    out.keep_temporary(true);
    std::size_t n = 0;
    while (n < std::min(left.tensors.size(), order_.size()) && is_there(out, n, left.tensors[n])) {
      const PlannedTensor& t = job_.plan.tensors[order_[n]];
      journal_contents_.tensors.push_back(left.tensors[n]);
      progress_.elements_done += t.source.n_elements();
      ++n;
    }
    out.skip_tensors(n);
    progress_.n_tensors_done = n;
    result_.n_resumed = n;
  }

  bool is_there(const OutputSet& out, std::size_t i, const FinishedTensor& finished) const {
    if (finished.name != job_.plan.tensors[order_[i]].name) return false;
    const OutputSet::Place place = out.place_of(i);
    const MappedFile file(place.temporary_path);
    const auto bytes = file.bytes();
    if (place.offset > bytes.size() || place.n_bytes > bytes.size() - place.offset) return false;
    return sha256_hex(bytes.subspan(place.offset, place.n_bytes)) == finished.sha256;
  }

  void run_tensor(std::size_t i, OutputSet& out, JournalWriter& journal) {
    const PlannedTensor& tensor = job_.plan.tensors[order_[i]];
    progress_.tensor = &tensor;
    report(0);
    Sha256 digest;
    const auto write = [&](std::span<const std::uint8_t> bytes) {
      digest.update(bytes);
      writing([&] { out.write(bytes); });
    };
    if (tensor.copied()) {
      copy(job_.source, tensor.source, write);
      ++result_.n_copied;
    } else if (const TensorInfo* old = reusable_.find(tensor)) {
      copy(*job_.reuse, *old, write);
      job_.reuse->done_with(*old);
      ++result_.n_reused;
    } else if (const CalibratedFiles::Found made = calibrated(tensor); made.tensor != nullptr) {
      copy(*made.file, *made.tensor, write);
      ++result_.n_encoded;
      ++result_.n_calibrated;
    } else {
      encode(tensor, write);
      ++result_.n_encoded;
    }
    job_.source.done_with(tensor.source);
    const FinishedTensor finished{tensor.name, digest.hex()};
    writing([&] {
      out.end_tensor();
      journal.add(finished);
    });
    journal_contents_.tensors.push_back(finished);
    ++progress_.n_tensors_done;
  }

  CalibratedFiles::Found calibrated(const PlannedTensor& tensor) const {
    if (job_.calibration == nullptr || !UsedCalibration::decides(tensor)) return {};
    const CalibratedFiles* const files = job_.calibration->files;
    const auto found =
        files == nullptr ? CalibratedFiles::Found{} : files->find(tensor.source.name);
    if (found.tensor == nullptr || found.tensor->format != tensor.format) {
      throw failed(tensor.source.name + ": calibration has not made it");
    }
    return found;
  }

  // Before the files get their names: where they are not right, older ones stay as they are.
  void verify(const OutputSet& out) {
    verifying_ = true;
    WrittenModel written{out.path(), {}};
    for (const FinishedTensor& t : journal_contents_.tensors) written.sha256[t.name] = t.sha256;
    Verification verified = verify_quantized(job_, written, kernels_, pool_,
                                             [this](const QuantizeProgress& p) { report(p); });
    result_.errors = std::move(verified.errors);
    if (!verified.note.empty()) result_.warnings.push_back(std::move(verified.note));
  }

  void report(std::uint64_t n_elements) {
    progress_.elements_done += n_elements;
    report(progress_);
  }

  void report(const QuantizeProgress& progress) {
    if (!job_.progress || job_.progress(progress)) return;
    stopped_ = true;
    throw failed(job_.out_path + ": stopped");
  }

  template <class Write>
  void copy(const TensorSource& from, const TensorInfo& tensor, Write write) {
    const std::size_t stride = row_bytes(tensor.format, tensor.cols());
    const std::uint64_t chunk_rows = std::max<std::uint64_t>(1, kCopyBytes / stride);
    buffer_.resize(std::min(chunk_rows, tensor.rows()) * stride);
    for (std::uint64_t row = 0; row < tensor.rows(); row += chunk_rows) {
      const std::uint64_t n = std::min(chunk_rows, tensor.rows() - row);
      write(from.rows(tensor, row, n, buffer_));
      from.done_with(tensor);  // what is mapped counts as ours, too
      report(n * tensor.cols());
    }
  }

  template <class Write>
  void encode(const PlannedTensor& tensor, Write write) {
    const TensorInfo& source = tensor.source;
    const std::uint64_t rows_per_mat = source.dims[1];
    const std::uint64_t n_mat = source.dims[2] * source.dims[3];
    const std::uint64_t chunk_rows = std::max<std::uint64_t>(
        1, kChunkElements * static_cast<std::uint64_t>(pool_.size()) / source.cols());
    for (std::uint64_t mat = 0; mat < n_mat; ++mat) {
      std::string warning;
      const std::vector<float> importance = importance_for(job_, tensor, mat, &warning);
      if (!warning.empty() && mat == 0) result_.warnings.push_back(std::move(warning));
      for (std::uint64_t row = 0; row < rows_per_mat; row += chunk_rows) {
        const std::uint64_t n = std::min(chunk_rows, rows_per_mat - row);
        write(encoder_.encode(tensor, mat * rows_per_mat + row, n, importance));
        job_.source.done_with(source);
        report(n * source.cols());
      }
    }
  }

  const QuantizeJob& job_;
  const KernelTable& kernels_;
  ThreadPool& pool_;
  std::vector<std::size_t> order_;    // tensors of the plan in writing order
  std::vector<std::uint8_t> buffer_;  // rows that a source makes
  TensorEncoder encoder_;
  ReusableTensors reusable_;
  QuantizeProgress progress_;
  QuantizeResult result_;
  JournalContents journal_contents_;
  bool verifying_ = false;
  bool stopped_ = false;
  bool writing_failed_ = false;
};

// Hashing the source shows as work on its first tensor.
HashProgress hash_progress(const QuantizeJob& job) {
  if (!job.progress) return {};
  return [&job](double fraction) {
    QuantizeProgress progress;
    progress.phase = QuantizePhase::kCheck;
    progress.tensor = &job.plan.tensors.front();
    progress.elements_total = job.plan.n_elements();
    progress.elements_done =
        static_cast<std::uint64_t>(fraction * static_cast<double>(progress.elements_total));
    return job.progress(progress);
  };
}

void refuse_problems(const QuantizeJob& job) {
  const std::vector<std::string> problems = plan_problems(job);
  if (problems.empty()) return;
  throw usage_error(problems.size() == 1
                        ? problems.front()
                        : fmt::format("{} (and {} more)", problems.front(), problems.size() - 1));
}

}  // namespace

std::size_t resumable_tensors(const std::string& out_path) {
  try {
    return read_journal(out_path).tensors.size();
  } catch (const Error&) {  // no such folder, say
    return 0;
  }
}

void check_before_work(const QuantizeJob& job, std::uint64_t extra_bytes) {
  refuse_problems(job);
  const AdmittedOutputs outputs = admit_outputs(job, split_tensors(job).size());
  check_disk_space(outputs.files.front().path(), job.plan.bytes() + extra_bytes);
}

QuantizeResult quantize(const QuantizeJob& job, const KernelTable& kernels, ThreadPool& pool) {
  refuse_problems(job);
  const Shards shards = split_tensors(job);
  const AdmittedOutputs outputs = admit_outputs(job, shards.size());
  if (job.identity == nullptr) {
    const ModelIdentity identity = model_identity(
        job.source, {.pool = &pool, .progress = hash_progress(job), .cache_folder = {}});
    QuantizeJob known = job;
    known.identity = &identity;
    return quantize(known, kernels, pool);
  }
  return Pipeline(job, shards, kernels, pool).run(shards, outputs);
}

}  // namespace lathe
