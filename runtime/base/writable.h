// Whether a file can be made, or replaced, under a name: asked before hours of work.
#pragma once

#include <string>

#include "runtime/base/resolve_path.h"

namespace lathe {

// Error (kUsage) that begins with `name` and says what is in the way: a folder or file system that
// cannot be written, a write-protected file, another user's file in a sticky folder, a mount point,
// a name that is too long with `suffix`.
void check_writable(const ResolvedPath& target, const std::string& name, const std::string& suffix);

// Whether something is mounted on this very path (absolute, without links): a rename onto it fails.
bool is_mount_point(const std::string& path);

}  // namespace lathe
