#include "runtime/base/writable.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "runtime/base/error.h"

namespace lathe {
namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw usage_error(name + ": " + why);
}

// The kernel writes blanks and backslashes of mount points as \040.
std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// A file without a name shows what permissions alone do not: quotas, security modules, NFS.
// Where the file system cannot make one, nothing is known.
int error_of_new_file(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL ? 0 : errno;
  ::close(fd);
  return 0;
}

void check_folder(const ResolvedPath& target, const std::string& name) {
  if (::faccessat(AT_FDCWD, target.folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    refuse(name, "the folder " + target.folder + " cannot be written: " + std::strerror(errno));
  }
  if (const int error = error_of_new_file(target.folder); error != 0) {
    refuse(name, "no file can be made in " + target.folder + ": " + std::strerror(error));
  }
}

// What stands there now and would be replaced.
void check_existing(const ResolvedPath& target, const std::string& name) {
  struct stat file = {}, folder = {};
  if (::lstat(target.path.c_str(), &file) != 0) {
    if (errno == ENOENT) return;
    refuse(name, std::string("cannot be used as a name: ") + std::strerror(errno));
  }
  const bool protected_from_all = (file.st_mode & 0222) == 0;
  if (protected_from_all || ::faccessat(AT_FDCWD, target.path.c_str(), W_OK, AT_EACCESS) != 0) {
    refuse(name, "the file is there and is write-protected: remove it first, or name another");
  }
  if (::stat(target.folder.c_str(), &folder) == 0 && (folder.st_mode & S_ISVTX) != 0 &&
      ::geteuid() != 0 && file.st_uid != ::geteuid() && folder.st_uid != ::geteuid()) {
    refuse(name, "another user's file, which cannot be replaced in the sticky folder " +
                     target.folder + ": name another");
  }
  if (is_mount_point(target.path)) {
    refuse(
        name,
        "something is mounted on this very file (as `docker -v FILE` does), so that it cannot be "
        "replaced: mount its folder, or write beside it");
  }
}

}  // namespace

bool is_mount_point(const std::string& path) {
  std::ifstream mounts("/proc/self/mountinfo");
  std::string line;
  while (std::getline(mounts, line)) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    fields >> id >> parent >> device >> root >> point;
    if (unescaped(point) == path) return true;
  }
  return false;
}

void check_writable(const ResolvedPath& target, const std::string& name,
                    const std::string& suffix) {
  const std::string last = target.path.substr(target.path.rfind('/') + 1);
  const long most = ::pathconf(target.folder.c_str(), _PC_NAME_MAX);
  if (most > 0 && last.size() + suffix.size() > static_cast<std::size_t>(most)) {
    refuse(name,
           "the name is too long for its temporary name (" + suffix + ") on this file system");
  }
  check_existing(target, name);
  check_folder(target, name);
}

}  // namespace lathe
