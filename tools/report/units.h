// Sizes for people, in one system: kB, MB, GB of 10^3, 10^6, 10^9 bytes, as disks and memory
// bandwidths are given. (The caches of a CPU alone are in KiB and MiB, as its makers say.)
#pragma once

#include <cstdint>
#include <string>

namespace lathe {

std::string bytes_text(std::uint64_t bytes);   // "812 bytes", "808.22 MB", "1.05 GB"
std::string parameters_text(std::uint64_t n);  // "135.20 M", "1.24 B"

}  // namespace lathe
