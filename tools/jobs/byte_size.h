// Sizes as people write them.
#pragma once

#include <cstdint>
#include <string>

namespace lathe {

// "4500000000", "4.5GB" (KB, MB, GB: powers of 1000), "4.2GiB" (KiB, MiB, GiB: powers of 1024); any
// case, blanks before the unit. Error (kUsage) naming `option` for anything else, and for sizes
// below one byte.
std::uint64_t parse_byte_size(const std::string& text, const char* option);

}  // namespace lathe
