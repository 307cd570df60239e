// Files that appear under their names together, or not at all.
#pragma once

#include <span>

#include "runtime/base/atomic_file.h"

namespace lathe {

// Older files of their names are put aside (NAME.old) and removed at the end. The first file loses
// its older one first and gets its name last, so that at no moment, also after a crash, the first
// file of one set stands beside others of another. Error (kFailed) where a name cannot be given:
// then the older files are back, and the finished ones stay under their temporary names.
void publish(std::span<AtomicFile* const> files);

}  // namespace lathe
