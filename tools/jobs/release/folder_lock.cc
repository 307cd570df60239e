#include "tools/jobs/release/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/base/error.h"

namespace lathe {

FolderLock::FolderLock(const std::string& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw failed(folder + ": cannot be opened: " + std::strerror(errno));
  // File systems without locks have none.
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    throw usage_error(folder + ": another lathe is at work on this release");
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace lathe
