// A folder with a checkpoint, as Hugging Face or Mistral publish them, as a source of tensors in
// the terms of GGUF: names, shapes, order of rows, metadata and vocabulary are what the field's
// converter would write. Weights stay in the mapped files and keep their types.
#pragma once

#include <memory>
#include <string>

#include "runtime/base/notes.h"
#include "runtime/checkpoint/checkpoint_source.h"

namespace lathe {

struct ImportOptions {
  std::string pre{};  // name of the pre-tokenizer; empty: told from the tokenizer
};

// Error (kBadInput) that names file and place: no checkpoint, one of pickle files, another
// architecture, tensors that are missing, unknown or of types that lathe cannot read, what readers
// of its files refuse; (kUsage) for a pre-tokenizer that there is none of. `notes` says what is
// left out.
CheckpointSource import_checkpoint(const std::string& folder, const ImportOptions& options = {},
                                   const Notes& notes = {});

// Whether this is a folder rather than a file.
bool is_checkpoint(const std::string& path);

// What is read of a model whose weights are not run: a GGUF file, or a folder with a checkpoint
// (for which options and notes are).
std::unique_ptr<TensorSource> open_source(const std::string& path,
                                          const ImportOptions& options = {},
                                          const Notes& notes = {});

}  // namespace lathe
