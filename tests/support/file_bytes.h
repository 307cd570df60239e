// The bytes of a whole file; empty when it cannot be read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace lathe {

inline std::vector<std::uint8_t> read_file_bytes(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return {};
  std::vector<std::uint8_t> out(size);
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(size));
  return out;
}

}  // namespace lathe
