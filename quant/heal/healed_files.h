// What healing has made so far, beside the output that it is for: a folder OUT.healed
// (runtime/gguf/part_folder.h) with a part for each layer that was refitted, and one for what was
// measured when all were.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "quant/eval/chunk_measure.h"
#include "quant/heal/healed_half.h"
#include "quant/heal/student.h"
#include "runtime/gguf/part_folder.h"

namespace lathe {

class HealedFiles {
 public:
  // `fingerprint`: what decides every byte. Unless it is to resume, parts of this kind that are in
  // the folder go.
  HealedFiles(std::string folder, std::string fingerprint, OutputGate gate, bool resume);

  static std::string folder_for(const std::string& out_path) { return out_path + ".healed"; }

  // How many parts an interrupted run left for this output, of whichever healing.
  static std::size_t n_parts(const std::string& out_path);

  struct Layer {
    std::vector<HealedHalf> halves;
    ReplacedTensors tensors;
  };
  // The layer of that (original) number as a run of the same healing left it; none where it did not
  // come so far. Error (kBadInput) for a part that lacks something.
  std::optional<Layer> take_up(int layer);
  // Tensors of other layers are left out. Error (kUsage) where the gate refuses the file, (kFailed)
  // when it cannot be written.
  void write(int layer, std::span<const HealedHalf> halves, const ReplacedTensors& tensors);

  // What the models came to on the held-out chunks: [n_chunks] of rows of numbers, all of a length.
  // Errors as above.
  std::optional<ChunkRecords> take_up_records();
  void write_records(const ChunkRecords& records);

  // The output is complete: the folder goes.
  void remove() noexcept { folder_.remove(); }

 private:
  PartFolder folder_;
};

}  // namespace lathe
