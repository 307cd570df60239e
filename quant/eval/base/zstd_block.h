// Blocks of bytes compressed with zstd (RFC 8878), whose size is known before they are unpacked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lathe {

std::vector<std::uint8_t> zstd_pack(std::span<const std::uint8_t> bytes);
// Error (kBadInput) at `where` for damaged data, and for more than max_bytes.
std::vector<std::uint8_t> zstd_unpack(std::span<const std::uint8_t> packed, std::size_t max_bytes,
                                      const std::string& where);

}  // namespace lathe
