#include "runtime/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/base/error.h"

namespace lathe {
namespace {

// Closes the descriptor on every way out; the mapping outlives it.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw bad_input(path, std::string("cannot open: ") + std::strerror(errno));
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(fd_); }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

// madvise wants whole pages: the range is rounded outwards.
void advise(const std::uint8_t* base, std::size_t size, std::size_t offset, std::size_t length,
            int advice) noexcept {
  if (offset >= size) return;
  if (length > size - offset) length = size - offset;
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t first = offset / page * page;
  ::madvise(const_cast<std::uint8_t*>(base) + first, offset + length - first, advice);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const Descriptor fd(path);
  struct stat info = {};
  if (::fstat(fd.get(), &info) != 0) {
    throw bad_input(path, std::string("cannot stat: ") + std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) throw bad_input(path, "not a regular file");
  if (info.st_size == 0) throw bad_input(path, "the file is empty");
  stamp_ = file_stamp(info);
  size_ = static_cast<std::size_t>(info.st_size);
  void* p = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (p == MAP_FAILED) throw bad_input(path, std::string("cannot map: ") + std::strerror(errno));
  data_ = static_cast<const std::uint8_t*>(p);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      stamp_(other.stamp_),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(stamp_, other.stamp_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::uint8_t*>(data_), size_);
}

void MappedFile::advise_will_need(std::size_t offset, std::size_t length) const noexcept {
  advise(data_, size_, offset, length, MADV_WILLNEED);
}
void MappedFile::advise_dont_need(std::size_t offset, std::size_t length) const noexcept {
  advise(data_, size_, offset, length, MADV_DONTNEED);
}

void MappedFile::drop(std::size_t offset, std::size_t length) const noexcept {
  advise_dont_need(offset, length);
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_DONTNEED);
  ::close(fd);
}

}  // namespace lathe
