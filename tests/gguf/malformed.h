// The catalogue of malformed files: each has a name, the bytes, and what the message must say.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/gguf_builder.h"

namespace lathe {

struct MalformedFile {
  const char* name;  // letters and digits: the name of the test
  std::function<std::vector<std::uint8_t>()> bytes;
  const char* message;  // part of the expected message that no other entry shares by accident
};

inline void PrintTo(const MalformedFile& file, std::ostream* out) { *out << file.name; }

inline std::string malformed_name(const testing::TestParamInfo<MalformedFile>& info) {
  return info.param.name;
}

// Opens the bytes and expects kBadInput, a message that starts with the file's name and contains
// `message`, and no allocation out of proportion to the file.
void expect_refused(const MalformedFile& file);

}  // namespace lathe
