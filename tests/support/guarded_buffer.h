// Memory that catches reads and writes outside of a kernel's lengths: the buffer ends exactly at a
// page that cannot be touched, and what lies before it is filled with 0xff (NaN as a float, so that
// a stray read spoils results) and can be checked for stray writes.
//
// LATHE_TEST_GUARD=0 in the environment leaves the page behind open (but filled as well): qemu 7.2
// reads the lanes that a masked load leaves out, which processors do not.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>

namespace lathe::test {

class GuardedBuffer {
 public:
  explicit GuardedBuffer(std::size_t bytes) : bytes_(bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    usable_ = (bytes / page + 1) * page;  // leaves at least a byte of padding
    mapped_ = usable_ + page;
    const char* guard = std::getenv("LATHE_TEST_GUARD");
    const bool open = guard != nullptr && guard[0] == '0';
    void* p = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::uint8_t*>(p);
    std::memset(base_, 0xff, mapped_);
    if (!open && mprotect(base_ + usable_, page, PROT_NONE) != 0) throw std::bad_alloc();
  }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;
  ~GuardedBuffer() { munmap(base_, mapped_); }

  // Aligned as far as the size is: to 64 bytes if it is a multiple of 64.
  std::uint8_t* data() { return base_ + (usable_ - bytes_); }
  std::size_t size() const { return bytes_; }

  // The buffer as an array of T; its size must be a multiple of sizeof(T).
  template <typename T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(data()), bytes_ / sizeof(T)};
  }

  // Whether the bytes before the buffer still hold what they were filled with.
  bool padding_intact() const {
    for (std::size_t i = 0; i < usable_ - bytes_; ++i) {
      if (base_[i] != 0xff) return false;
    }
    return true;
  }

 private:
  std::size_t bytes_, usable_, mapped_;
  std::uint8_t* base_;
};

}  // namespace lathe::test
