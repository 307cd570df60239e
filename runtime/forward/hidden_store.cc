#include "runtime/forward/hidden_store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/base/error.h"

namespace lathe {
namespace {

[[noreturn]] void fail(const std::string& folder, const char* action) {
  throw failed(folder + ": cannot " + action +
               " a file for hidden states: " + std::strerror(errno));
}

// A file that is gone when its last user is, however the process ends. Its blocks are reserved now:
// a full disk shows here and not as a signal in the middle of the work.
float* map_nameless_file(const std::string& folder, std::size_t bytes) {
  std::string name = folder + "/lathe-hidden-XXXXXX";
  const int fd = ::mkstemp(name.data());
  if (fd < 0) fail(folder, "make");
  ::unlink(name.c_str());
  const int error = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  void* p = MAP_FAILED;
  if (error == 0) p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (error != 0) errno = error;
  const int reason = errno;
  ::close(fd);
  errno = reason;
  if (p == MAP_FAILED) fail(folder, "reserve");
  return static_cast<float*>(p);
}

}  // namespace

HiddenStore::HiddenStore(std::size_t n_rows, std::size_t n_embd, const std::string& spill_folder)
    : n_rows_(n_rows), n_embd_(n_embd) {
  const std::size_t bytes = n_rows * n_embd * sizeof(float);
  if (spill_folder.empty() || bytes == 0) {
    memory_ = AlignedBuffer(bytes);
    data_ = memory_.as<float>().data();
  } else {
    data_ = map_nameless_file(spill_folder, bytes);
    mapped_bytes_ = bytes;
  }
}

HiddenStore::~HiddenStore() {
  if (mapped_bytes_ > 0) ::munmap(data_, mapped_bytes_);
}

}  // namespace lathe
