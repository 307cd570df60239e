// Which source this binary was built from.
#pragma once

namespace lathe {

const char* build_version() noexcept;  // "0.1.0"
const char* build_commit() noexcept;   // short hash, or "unknown" outside of a repository
int build_number() noexcept;           // commits up to it, or 0

}  // namespace lathe
