#include "runtime/base/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The rename is durable once the directory is on the disk. Some file systems refuse to sync a
// directory; the file itself is complete by then, so that is no error.
void sync_directory(const std::string& path) noexcept {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

AtomicFile::AtomicFile(std::string path, Start start)
    : path_(std::move(path)), temporary_(path_ + std::string(kTemporarySuffix)) {
  fd_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd_ < 0) fail("cannot create", errno);
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(std::exchange(fd_, -1));
    throw failed(path_ + ": another process is writing " + temporary_);
  }
  if (start == Start::kEmpty && ::ftruncate(fd_, 0) != 0) {
    const int error = errno;
    ::close(std::exchange(fd_, -1));
    fail("cannot empty", error);
  }
  buffer_.reserve(kBufferBytes);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      keep_temporary_(other.keep_temporary_),
      position_(other.position_),
      buffer_(std::move(other.buffer_)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  if (!keep_temporary_) ::unlink(temporary_.c_str());
  ::close(fd_);
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
  flush();
  if (::fsync(fd_) != 0) fail("cannot flush to the disk", errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    fail("cannot rename to the final name", errno);
  // From here on the destructor must not remove anything. A failing close cannot lose synced data.
  ::close(std::exchange(fd_, -1));
  sync_directory(directory_of(path_));
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
  throw failed(path_ + ": " + action + " (as " + temporary_ + "): " + std::strerror(error));
}

}  // namespace lathe
