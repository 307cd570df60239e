#include "runtime/base/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "runtime/base/digest.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr int kMostNames = 1000;
constexpr std::size_t kNumberedSuffix = 9;  // ".999.part"
constexpr long kUsualNameMax = 255;

bool is_same_file(int fd, const std::string& path) {
  struct stat open = {}, there = {};
  return ::fstat(fd, &open) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         open.st_dev == there.st_dev && open.st_ino == there.st_ino;
}

std::uint64_t size_of(int fd) {
  struct stat info = {};
  return ::fstat(fd, &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

bool begins_with(int fd, const FileBeginning& beginning) {
  if (size_of(fd) < beginning.n_bytes) return false;
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(beginning.n_bytes));
  std::size_t n = 0;
  while (n < bytes.size()) {
    const ssize_t more = ::pread(fd, bytes.data() + n, bytes.size() - n, static_cast<off_t>(n));
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) return false;
    n += static_cast<std::size_t>(more);
  }
  return sha256_hex(bytes) == beginning.sha256;
}

// Whether an open file is what an earlier run left under this name, and nobody else writes it.
// Another name of it (a hard link) would lose what it has.
bool lock_leftover(int fd, const std::string& path, const FileBeginning& leftover) {
  struct stat info = {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1 &&
         ::flock(fd, LOCK_EX | LOCK_NB) == 0 && is_same_file(fd, path) &&
         (info.st_size == 0 || begins_with(fd, leftover));
}

// "folder/name.part", "folder/name.1.part"; a name at the limit of the file system is cut.
std::string temporary_name(const std::string& path, int number) {
  const std::size_t name_at = path.rfind('/') + 1;
  const long limit = ::pathconf(path.substr(0, name_at).c_str(), _PC_NAME_MAX);
  const auto most = static_cast<std::size_t>(limit > 0 ? limit : kUsualNameMax) - kNumberedSuffix;
  const std::string stem = path.substr(0, name_at + std::min(most, path.size() - name_at));
  return number == 0 ? fmt::format("{}{}", stem, kTemporarySuffix)
                     : fmt::format("{}.{}{}", stem, number, kTemporarySuffix);
}

}  // namespace

AtomicFile::AtomicFile(const OutputTarget& target, const FileBeginning& leftover)
    : name_(target.name()), path_(target.path()) {
  if (target.is_stream()) throw failed(name_ + ": is no regular file");
  if (target.resumable()) {
    temporary_ = path_ + std::string(kTemporarySuffix);
    take_over(leftover);
  } else {
    create_new();
  }
  buffer_.reserve(kBufferBytes);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : name_(std::move(other.name_)),
      path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      keep_temporary_(other.keep_temporary_),
      named_(other.named_),
      position_(other.position_),
      leftover_bytes_(other.leftover_bytes_),
      buffer_(std::move(other.buffer_)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  if (!keep_temporary_ && !named_ && is_same_file(fd_, temporary_)) ::unlink(temporary_.c_str());
  ::close(fd_);
}

// False where a file of that name is there already.
bool AtomicFile::create() {
  const int fd =
      ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd < 0 && errno == EEXIST) return false;
  if (fd < 0) fail("cannot create", errno);
  fd_ = fd;
  ::flock(fd_, LOCK_EX | LOCK_NB);
  keep_permissions();
  return true;
}

void AtomicFile::create_new() {
  for (int number = 0; number < kMostNames; ++number) {
    temporary_ = temporary_name(path_, number);
    if (create()) return;
    refuse_if_locked();
  }
  throw failed(fmt::format("{}: {} unfinished files of its name lie beside it: remove them", name_,
                           kMostNames));
}

// A file that another process writes is locked. Opening it, if it can be, changes nothing.
void AtomicFile::refuse_if_locked() const {
  const int fd = ::open(temporary_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  const bool locked = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  if (locked) throw failed(name_ + ": another process is writing " + temporary_);
}

void AtomicFile::take_over(const FileBeginning& leftover) {
  if (create()) return;
  refuse_if_locked();
  const auto foreign = [&](const char* why) {
    throw usage_error(fmt::format(
        "{}: {} is there and {}: it is not touched; move it away, or name another output", name_,
        temporary_, why));
  };
  if (leftover.sha256.empty()) foreign("no run of lathe that was stopped says that it is its own");
  fd_ = ::open(temporary_.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd_ < 0) foreign("cannot be opened as the file that a stopped run left");
  if (!lock_leftover(fd_, temporary_, leftover)) {
    ::close(std::exchange(fd_, -1));
    foreign("is not what a stopped run of lathe left there");
  }
  keep_temporary_ = true;
  leftover_bytes_ = size_of(fd_);
}

// Those of the file that will be replaced, from the start: what is private stays private while it
// is written. The owner as far as the system allows.
void AtomicFile::keep_permissions() const noexcept {
  struct stat older = {};
  if (::lstat(path_.c_str(), &older) != 0 || !S_ISREG(older.st_mode)) return;
  if (::fchown(fd_, older.st_uid, older.st_gid) != 0) {
    // Another's file, replaced by one of ours: no reason to stop.
  }
  ::fchmod(fd_, older.st_mode & 0777);
}

void AtomicFile::write(std::span<const std::uint8_t> bytes) {
  position_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() >= kBufferBytes) {
    write_out(bytes);
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
}

void AtomicFile::write_zeros(std::uint64_t n) {
  static constexpr std::uint8_t kZeros[4096] = {};
  while (n > 0) {
    const std::uint64_t piece = std::min<std::uint64_t>(n, sizeof(kZeros));
    write({kZeros, static_cast<std::size_t>(piece)});
    n -= piece;
  }
}

void AtomicFile::truncate_to(std::uint64_t position) {
  flush();
  const auto end = static_cast<off_t>(position);
  if (::ftruncate(fd_, end) != 0) fail("cannot cut", errno);
  if (::lseek(fd_, end, SEEK_SET) != end) fail("cannot seek", errno);
  position_ = position;
}

void AtomicFile::commit() {
  complete();
  take_name();
  // From here on the destructor must not remove anything. A failing close cannot lose synced data.
  ::close(std::exchange(fd_, -1));
  sync_folder_of(path_);
}

void AtomicFile::complete() {
  flush();
  if (::fsync(fd_) != 0) fail("cannot flush to the disk", errno);
}

void AtomicFile::take_name() {
  struct stat there = {};
  if (!is_same_file(fd_, temporary_)) {
    throw failed(
        fmt::format("{}: {} was removed or replaced while it was written", name_, temporary_));
  }
  if (::lstat(path_.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    fail_name("something else has that name by now");
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_name(std::strerror(errno));
  named_ = true;
}

void AtomicFile::give_name_back() noexcept {
  if (!named_ || ::rename(path_.c_str(), temporary_.c_str()) != 0) return;
  named_ = false;
  keep_temporary_ = true;
}

void AtomicFile::flush() {
  write_out(buffer_);
  buffer_.clear();
}

void AtomicFile::write_out(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("cannot write", n == 0 ? ENOSPC : errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void AtomicFile::fail(const char* action, int error) const {
  throw failed(name_ + ": " + action + " (as " + temporary_ + "): " + std::strerror(error));
}

void AtomicFile::fail_name(const std::string& why) {
  keep_temporary_ = true;
  throw failed(
      fmt::format("{}: the finished file cannot get its name: {}; it is complete and stays "
                  "as {}",
                  name_, why, temporary_));
}

void remove_leftover(const std::string& path, const FileBeginning& leftover) noexcept {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  if (lock_leftover(fd, path, leftover)) ::unlink(path.c_str());
  ::close(fd);
}

void sync_folder_of(const std::string& path) noexcept {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

namespace {

// A pipe may get its reader a moment later; one without any would block for ever.
int open_stream(const std::string& path) {
  constexpr int kTries = 40;
  constexpr useconds_t kPause = 50'000;
  int fd = -1;
  for (int i = 0; i < kTries && fd < 0; ++i) {
    if (i > 0) ::usleep(kPause);
    fd = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno != ENXIO) return -1;
  }
  if (fd >= 0) ::fcntl(fd, F_SETFL, 0);  // from here on writing waits
  return fd;
}

const char* stream_error(int error) {
  if (error == EPIPE) return "its reader is gone";
  if (error == ENXIO) return "nobody reads it";
  return std::strerror(error);
}

void write_through(const OutputTarget& target, std::string_view text) {
  const int fd = target.descriptor() >= 0 ? ::fcntl(target.descriptor(), F_DUPFD_CLOEXEC, 0)
                                          : open_stream(target.path());
  int error = fd < 0 ? errno : 0;
  while (error == 0 && !text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno != EINTR) error = errno;
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (fd >= 0 && ::close(fd) != 0 && error == 0) error = errno;
  if (error == 0) return;
  throw failed(target.name() + ": cannot write: " + stream_error(error));
}

}  // namespace

void write_text(const OutputTarget& target, std::string_view text) {
  if (target.is_stream()) return write_through(target, text);
  AtomicFile file(target);
  file.write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  file.commit();
}

}  // namespace lathe
