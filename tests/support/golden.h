// Reading of the golden data that is committed under tests/golden.
#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/source_path.h"

namespace lathe::test {

inline std::string golden_path(const std::string& name) {
  return test::source_path("tests/golden/") + name;
}

// All bytes of a file; empty if it cannot be read.
inline std::vector<char> read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace lathe::test
