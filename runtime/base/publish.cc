#include "runtime/base/publish.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ranges>
#include <string>
#include <vector>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr int kMostNames = 1000;

// Renames to a name that nothing has. False, with errno, where that fails.
bool rename_to_free(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  // A file system that does not know it: the same in two steps.
  if (::access(to.c_str(), F_OK) == 0) {
    errno = EEXIST;
    return false;
  }
  return ::rename(from.c_str(), to.c_str()) == 0;
}

class Publication {
 public:
  explicit Publication(std::span<AtomicFile* const> files) : files_(files) {}
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;
  ~Publication() {
    if (!done_) roll_back();
  }

  void run() {
    for (AtomicFile* file : files_) file->complete();
    for (const AtomicFile* file : files_) put_aside(*file);
    for (AtomicFile* file : files_ | std::views::drop(1)) file->take_name();
    files_.front()->take_name();
    done_ = true;
    for (const Older& older : older_) ::unlink(older.aside.c_str());
    sync_folder_of(files_.front()->path());
  }

 private:
  struct Older {
    std::string path, aside;
  };

  void put_aside(const AtomicFile& file) {
    const auto fail = [&](const char* why) {
      throw failed(fmt::format("{}: cannot be replaced: {}; what is finished stays as {}",
                               file.name(), why, file.temporary_path()));
    };
    struct stat there = {};
    if (::lstat(file.path().c_str(), &there) != 0) {
      if (errno != ENOENT) fail(std::strerror(errno));
      return;
    }
    if (!S_ISREG(there.st_mode)) fail("something else has that name by now");
    for (int number = 0; number < kMostNames; ++number) {
      const std::string aside =
          number == 0 ? file.path() + ".old" : fmt::format("{}.{}.old", file.path(), number);
      if (rename_to_free(file.path(), aside)) {
        older_.push_back({file.path(), aside});
        return;
      }
      if (errno != EEXIST) fail(std::strerror(errno));
    }
    fail("too many files of the name NAME.old");
  }

  void roll_back() noexcept {
    for (AtomicFile* file : files_) {
      file->give_name_back();
      file->keep_temporary(true);
    }
    for (const Older& older : older_ | std::views::reverse) {
      ::rename(older.aside.c_str(), older.path.c_str());
    }
  }

  std::span<AtomicFile* const> files_;
  std::vector<Older> older_;
  bool done_ = false;
};

}  // namespace

void publish(std::span<AtomicFile* const> files) {
  if (files.size() == 1) return files.front()->commit();
  Publication(files).run();
}

}  // namespace lathe
