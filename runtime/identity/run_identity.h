// What a checkpoint is of: a run goes on only where everything that decides its result is the same.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/gguf/metadata.h"

namespace lathe {

// Name ("model", "text", ...) and value, in the order in which they are compared.
using RunIdentity = std::vector<std::pair<std::string, std::string>>;

// Error (kFailed) for a name that stands twice.
void put_identity(const RunIdentity& identity, Metadata& metadata);
// Error (kUsage) naming the first that differs; `path` is the checkpoint.
void check_identity(const Metadata& metadata, const RunIdentity& identity, const std::string& path);

}  // namespace lathe
