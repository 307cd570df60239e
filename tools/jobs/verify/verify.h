// The job of `lathe verify`: a GGUF file, of whatever origin, against the checkpoint that it is
// said to be made from.
//
// The checkpoint is imported as `lathe convert` would do it, and everything is compared with that:
// shapes, the order of rows, values (to the bit where the format can hold them, by the error that
// the format explains where not), what the metadata mean, tokens, special tokens, templates.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernel_table.h"
#include "models/import/import_checkpoint.h"
#include "runtime/base/notes.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

struct VerifyRequest {
  std::string model;   // the GGUF file
  std::string folder;  // the checkpoint
  ImportOptions import{};
  int n_threads = 0;
  std::string isa{};
};

// Something that is not as the checkpoint has it.
struct ModelDifference {
  std::string where;     // a key or a tensor
  std::string what;      // a sentence
  bool matters = false;  // tokens, logits or conversations come out otherwise
};

// Tensors of one format, and how far they are from the checkpoint.
struct VerifiedFormat {
  Format format = Format::F32;
  std::size_t n_tensors = 0, n_exact = 0;  // exact: what rounding to the format gives, to the bit
  double worst_rms = 0.0;                  // relative; of one tensor
  std::string worst{};                     // which
};

struct ModelComparison {
  std::string model, folder;
  std::size_t n_tensors = 0, n_keys = 0, n_tokens = 0;  // compared
  std::vector<VerifiedFormat> formats;                  // those that there are
  std::vector<ModelDifference> differences;             // keys, then tensors

  bool matters() const noexcept;
};

// Error (kBadInput) for files that are none; (kFailed) when `progress` stops it.
using VerifyProgress = std::function<bool(double fraction, std::string_view tensor)>;
ModelComparison verify_model(const VerifyRequest& request, const Notes& notes,
                             const VerifyProgress& progress);

// The two parts of it.
void compare_metadata(const Metadata& found, const Metadata& expected, ModelComparison& out);
void compare_tensors(const GgufFile& found, const CheckpointSource& expected,
                     const KernelTable& kernels, ThreadPool& pool, const VerifyProgress& progress,
                     ModelComparison& out);

}  // namespace lathe
