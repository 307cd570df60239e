// What the system says of a file without reading it: where it differs, the file is another one or
// has been changed.
#pragma once

#include <cstdint>

struct stat;

namespace lathe {

struct FileStamp {
  std::uint64_t device = 0, inode = 0;
  std::uint64_t size = 0;                        // bytes
  std::int64_t modified_ns = 0, changed_ns = 0;  // of the content; of the inode, which nobody sets

  bool operator==(const FileStamp&) const = default;
};

FileStamp file_stamp(const struct stat& info) noexcept;

}  // namespace lathe
