// Writes a GGUF file (version 3) in one pass: sizes first, then the data as they come.
//
//   GgufWriter out(gate.admit("model.gguf", {.what = "the model"}), metadata);
//   out.add_tensor("token_embd.weight", Format::Q4_K, {{2048, 32000}});   // ... all tensors
//   out.begin();                       // the header is written, the final size is known
//   out.write(bytes);                  // data of the tensors in that order, in pieces of any size
//   out.finish();                      // complete: gets its name
//
// The bytes are those of the reference writer: keys in their order, tensors back to back, each
// padded with zeros to a multiple of 32 (the last one too), dimensions of 1 at the end left out.
// The key general.alignment is left out because the alignment is always the default. Memory: the
// header. Without finish() nothing remains (runtime/base/atomic_file.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/atomic_file.h"
#include "runtime/gguf/metadata.h"
#include "runtime/gguf/tensor_info.h"

namespace lathe {

// The header of a file with these keys and tensors, padded to where the data start (not padded when
// there are none). `n_bytes` and `offset` of the infos are not used: the layout follows from names,
// formats and dims.
std::vector<std::uint8_t> gguf_header_bytes(const Metadata& metadata,
                                            std::span<const TensorInfo> tensors);

class GgufWriter {
 public:
  // Creates the temporary file, or takes over the one that an interrupted run left. Errors as
  // AtomicFile has them.
  GgufWriter(const OutputTarget& target, Metadata metadata, const FileBeginning& leftover = {});

  // Before begin(). Error (kFailed) for a name or shape that readers would refuse.
  void add_tensor(std::string name, Format format, std::span<const std::uint64_t> dims);

  // Fixes the layout: no more tensors. Returns what the file will begin with, its header.
  FileBeginning lay_out();
  // The same, and writes the header; afterwards only data.
  void begin();
  // Size of the finished file, known after lay_out().
  std::uint64_t total_bytes() const noexcept { return total_bytes_; }
  // With their place in the file, known after lay_out().
  std::span<const TensorInfo> tensors() const noexcept { return tensors_; }

  // The next bytes of the current tensor; padding and the step to the next one are automatic. A
  // call must not reach beyond the current tensor. Error (kFailed) then, and when the disk is full.
  void write(std::span<const std::uint8_t> bytes);
  // After begin() of a continued file: the data of the first n tensors are there already.
  void skip_tensors(std::size_t n);
  // The file as it is so far, which may be continued later (runtime/base/atomic_file.h).
  AtomicFile& file() noexcept { return file_; }
  // Error (kFailed) when data is missing.
  void check_complete() const;
  // The same; the file is on the disk under its name afterwards.
  void finish();

 private:
  AtomicFile file_;
  Metadata metadata_;
  std::vector<TensorInfo> tensors_;
  std::uint64_t total_bytes_ = 0;
  std::size_t current_ = 0;           // tensor that is being written
  std::uint64_t written_ = 0;         // bytes of it so far
  std::vector<std::uint8_t> header_;  // from lay_out() to begin()
  bool laid_out_ = false;
  bool begun_ = false;
};

}  // namespace lathe
