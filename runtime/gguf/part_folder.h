// What a long work has made so far, beside the output that it is for: a folder of small GGUF files,
// its parts. Each appears when it is complete, so a run that was stopped or killed goes on after
// the last of them; each says of which work it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "runtime/base/output_gate.h"
#include "runtime/gguf/gguf_file.h"

namespace lathe {

// A kind of parts: files of another kind in the folder are left alone.
struct PartKind {
  const char* fingerprint_key;  // of the metadata: what decides every byte of the work
  const char* what;             // for messages: "a calibrated layer"
};

struct PartTensor {
  std::string name;
  Format format = Format::F32;
  std::span<const std::uint64_t> dims;
  std::span<const std::uint8_t> blocks;
};

class PartFolder {
 public:
  // Unless it is to resume, parts of this kind that are in the folder go. The folder is made for
  // the first of them.
  PartFolder(std::string folder, const PartKind& kind, std::string fingerprint, OutputGate gate,
             bool resume);

  // How many parts of this kind the folder has, of whichever work; 0 where there is no folder.
  static std::size_t n_parts(const std::string& folder, const PartKind& kind);

  // The part of this number that a run of the same work left; none where there is no such, or it is
  // damaged.
  std::optional<GgufFile> take_up(std::size_t number);
  // Writes it, and opens what was written. Error (kUsage) where the gate refuses the file,
  // (kFailed) when it cannot be written.
  GgufFile write(std::size_t number, Metadata metadata, std::span<const PartTensor> tensors);

  // The output is complete: all parts of this kind go, and the folder.
  void remove() noexcept;

 private:
  std::string path_of(std::size_t number) const;
  void remove_parts() const noexcept;

  std::string folder_;
  PartKind kind_;
  std::string fingerprint_;
  OutputGate gate_;
};

}  // namespace lathe
