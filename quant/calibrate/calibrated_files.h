// What calibration has made so far, beside the output that it is for: a folder OUT.calibrated
// (runtime/gguf/part_folder.h) with a part for the embeddings, for each layer and for the output
// head.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/gguf/part_folder.h"

namespace lathe {

// How a tensor came out (quant/calibrate/group_rounder.h).
struct CalibratedTensor {
  std::string name;  // in the source
  Format format = Format::F32;
  bool has_rounding = false, fell_back = false;
  float plain_error = 0.0f, error = 0.0f, held_out_ratio = 1.0f;
};

class CalibratedFiles {
 public:
  // `fingerprint`: what decides every byte. Unless it is to resume, parts of this kind that are in
  // the folder go.
  CalibratedFiles(std::string folder, std::string fingerprint, OutputGate gate, bool resume);

  static std::string folder_for(const std::string& out_path) { return out_path + ".calibrated"; }

  // How many parts an interrupted run left for this output, of whichever calibration.
  static std::size_t n_parts(const std::string& out_path);

  // Takes up the file of this number (0: embeddings, then layers, then the head) that a run of the
  // same calibration left. False where there is none.
  bool take_up(std::size_t number);

  struct NewTensor {
    CalibratedTensor of;
    std::span<const std::uint64_t> dims;
    std::span<const std::uint8_t> blocks;
  };
  // Error (kUsage) where the gate refuses the file, (kFailed) when it cannot be written.
  void write(std::size_t number, std::span<const NewTensor> tensors);

  // A tensor by its name in the source; null when it was not calibrated. Valid as long as this.
  struct Found {
    const GgufFile* file = nullptr;
    const TensorInfo* tensor = nullptr;
  };
  Found find(std::string_view name) const;
  const std::vector<CalibratedTensor>& tensors() const noexcept { return tensors_; }
  bool empty() const noexcept { return files_.empty(); }

  // The output is complete: the folder goes.
  void remove() noexcept { folder_.remove(); }

 private:
  void add(GgufFile file);

  PartFolder folder_;
  std::deque<GgufFile> files_;
  std::map<std::string, Found, std::less<>> by_name_;
  std::vector<CalibratedTensor> tensors_;
};

}  // namespace lathe
