// Whether a file fits on its disk, asked before hours of work and not after.
#pragma once

#include <cstdint>
#include <string>

namespace lathe {

// Error (kFailed) with both figures when the disk of `path` has less than `n_bytes`, and a little
// more, free. Says nothing where the system does not tell.
void check_disk_space(const std::string& path, std::uint64_t n_bytes);

// Bytes free on the disk of a folder; 0 where the system does not tell.
std::uint64_t free_disk_space(const std::string& folder) noexcept;

}  // namespace lathe
