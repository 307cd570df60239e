// Where a path leads: symbolic links followed to their end, also those whose end does not exist
// yet.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace lathe {

struct ResolvedPath {
  std::string path;     // absolute and without links; the file need not exist
  std::string folder;   // that it is in, which does exist
  int descriptor = -1;  // >= 0: the path only names this open file of the process ("/dev/stdout")
};

// Error (kUsage) that says what is wrong: no name, a folder that does not exist or that a file has
// the name of, links that lead in a circle, a name that ends in '/'.
ResolvedPath resolve_path(const std::string& path);

// What tells files apart, whatever their names.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;

  friend bool operator==(const FileId&, const FileId&) = default;
};

// Links are followed; nothing when there is no such file.
std::optional<FileId> file_id(const std::string& path);

}  // namespace lathe
