// Names of the files of a split model: PREFIX-00001-of-00003.gguf (numbers from 1, five digits).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lathe {

struct SplitName {
  std::string prefix;       // with the directory
  std::uint32_t index = 0;  // from 0
  std::uint32_t count = 0;
};

// Nothing when `path` does not end as above.
std::optional<SplitName> parse_split_name(std::string_view path);
std::string split_path(std::string_view prefix, std::uint32_t index, std::uint32_t count);

}  // namespace lathe
