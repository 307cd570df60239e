// Which lathe this is: the source it was built from, and the very binary that runs.
#pragma once

#include <string>

namespace lathe {

const char* build_version() noexcept;  // "0.1.0"
const char* build_commit() noexcept;   // short hash, or "unknown" outside of a repository
int build_number() noexcept;           // commits up to it, or 0

// 16 hexadecimal digits that differ between any two binaries that could compute different things,
// also where both were built from uncommitted changes of one commit: the linker's hash of the
// running executable (its GNU build id), or a hash of its file where it has none. "unknown" where
// neither can be read.
std::string build_id();

// "0.1.0 (8da03eb, build 1f2e3d4c5b6a7988)": how results name the lathe that made them.
std::string build_words();

}  // namespace lathe
