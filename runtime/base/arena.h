// Scratch memory for one forward pass: a bump allocator over one block that is sized when a session
// is made and never grows while a pass runs.
//
// Two uses share the code: an Arena without memory only measures (take() returns nullptr and
// counts), so that the same straight-line layout code first computes the size and then hands out
// the buffers.
#pragma once

#include <cstddef>

#include "runtime/base/aligned_buffer.h"
#include "runtime/base/matrix_view.h"

namespace lathe {

class Arena {
 public:
  Arena() = default;  // measures only
  explicit Arena(std::size_t bytes) : buffer_(bytes) {}

  // Cache-line aligned space for n objects of a trivial type; nullptr when measuring. The caller
  // guarantees that the arena was sized by a measuring run of the same calls.
  template <typename T>
  T* take(std::size_t n) noexcept {
    const std::size_t bytes = (n * sizeof(T) + kCacheLine - 1) / kCacheLine * kCacheLine;
    std::byte* p = buffer_.data() == nullptr ? nullptr : buffer_.data() + used_;
    used_ += bytes;
    if (used_ > peak_) peak_ = used_;
    return reinterpret_cast<T*>(p);
  }
  MatrixView<float> matrix(std::size_t rows, std::size_t cols) noexcept {
    return {take<float>(rows * cols), rows, cols};
  }

  std::size_t used() const noexcept { return used_; }
  std::size_t peak() const noexcept { return peak_; }
  std::size_t capacity() const noexcept { return buffer_.size(); }
  void rewind(std::size_t mark) noexcept { used_ = mark; }

  // Gives back everything taken after its construction.
  class Scope {
   public:
    explicit Scope(Arena& arena) noexcept : arena_(arena), mark_(arena.used()) {}
    ~Scope() { arena_.rewind(mark_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Arena& arena_;
    std::size_t mark_;
  };

 private:
  AlignedBuffer buffer_;
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
};

}  // namespace lathe
