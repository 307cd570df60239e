#include "tools/jobs/release/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/base/error.h"

namespace lathe {

FolderLock::FolderLock(const std::string& folder)
    // A file of its own: checkpoints lock the folder while they are written.
    : descriptor_(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) throw failed(folder + "/lock: cannot be opened: " + std::strerror(errno));
  // File systems without locks have none.
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    throw usage_error(folder + ": another lathe is at work on this release");
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace lathe
