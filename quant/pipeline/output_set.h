// The files of one output: a single GGUF file, or the numbered files of a split model, which all
// appear under their names together once the last one is complete.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "quant/pipeline/journal.h"
#include "quant/pipeline/quantize.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {

// Tensors of the plan (by index) for each file, in the order in which they are written.
using Shards = std::vector<std::vector<std::size_t>>;
Shards split_tensors(const QuantizeJob& job);

// "out.gguf"; for several files "out-00001-of-00003.gguf" and so on. A name of that form as
// out_path stands for all of them.
std::vector<std::string> output_paths(const std::string& out_path, std::size_t n_shards);

// What a job may write: its files and its journal.
struct AdmittedOutputs {
  std::vector<OutputTarget> files;
  OutputTarget journal;
};
// How a file of a model is asked for at the gate.
OutputRequest model_output_request();
// Errors (kUsage) of the gate: outputs that are inputs of the job, or cannot be written.
AdmittedOutputs admit_outputs(const QuantizeJob& job, std::size_t n_shards);

class OutputSet {
 public:
  // Creates the temporary files, or takes over those that `left` says an earlier run left, as they
  // are. Error (kUsage) for others of their names.
  OutputSet(const QuantizeJob& job, const Shards& shards, const std::vector<OutputTarget>& targets,
            const JournalContents& left);

  std::uint64_t total_bytes() const noexcept;
  std::uint64_t leftover_bytes() const noexcept;  // of what was taken over
  const std::string& path() const noexcept { return writers_.front()->file().path(); }
  // What the temporary files are, for the journal.
  const std::vector<JournalPart>& parts() const noexcept { return parts_; }
  // Forgets the bytes that were taken over.
  void clear();
  // Writes the headers.
  void begin();
  // Where the data of the tensor at this place of the writing order will stand.
  struct Place {
    std::string temporary_path;
    std::uint64_t offset, n_bytes;
  };
  Place place_of(std::size_t tensor) const;

  // The first n tensors in writing order are there already.
  void skip_tensors(std::size_t n);
  // The next bytes, of tensors in writing order.
  void write(std::span<const std::uint8_t> bytes);
  // After the last byte of a tensor: hands everything to the system.
  void end_tensor();
  // Whether destruction without finish() leaves the temporary files.
  void keep_temporary(bool keep) noexcept;
  // Gives all files their names, or none (runtime/base/publish.h).
  void finish();

 private:
  std::vector<std::unique_ptr<GgufWriter>> writers_;
  std::vector<JournalPart> parts_;
  std::vector<std::size_t> first_tensor_;  // of each file, in writing order; one more at the end
  std::size_t n_done_ = 0;                 // tensors
  std::size_t current_ = 0;                // file
};

}  // namespace lathe
