// One process at a time works on a release. The system lets go of the lock when the process ends,
// however it ends.
#pragma once

#include <string>

namespace lathe {

class FolderLock {
 public:
  // Error (kUsage) where another process has the folder, (kFailed) where it cannot be opened.
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace lathe
