// The safetensors files of a checkpoint folder, seen as one: mapped, their headers read, every
// tensor once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/mapped_file.h"
#include "runtime/checkpoint/safetensors.h"

namespace lathe {

struct ShardTensor {
  SafetensorsEntry entry;
  std::uint32_t file = 0;  // index in Shards::files
};

struct Shards {
  std::vector<MappedFile> files;
  std::vector<ShardTensor> tensors;  // file by file, in the order of their data
};

// Whether the folder has such files: `stem`.safetensors, `stem`-00001-of-00003.safetensors, or
// `stem`.safetensors.index.json.
bool has_shards(const std::string& folder, std::string_view stem);

// Opens them: those of the index where there is one, else the single file, else the numbered ones.
// Error (kBadInput) for a file that is missing or malformed, a tensor that stands twice or that is
// not where the index says, a name of a file that leads out of the folder.
Shards open_shards(const std::string& folder, std::string_view stem);

}  // namespace lathe
