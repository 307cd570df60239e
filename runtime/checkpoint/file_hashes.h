// SHA-256 of whole files, several at a time: what hubs publish of each file of a checkpoint, so
// that what was made of it can be followed back.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/mapped_file.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// 64 hexadecimal digits for each file. `progress` is called with the share that is done; false
// stops: Error (kFailed).
std::vector<std::string> sha256_of_files(std::span<const MappedFile> files, ThreadPool& pool,
                                         const std::function<bool(double)>& progress = {});

}  // namespace lathe
