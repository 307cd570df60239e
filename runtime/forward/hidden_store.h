// The hidden states of some texts, [n_rows, n_embd] float32: in memory, or in a file without
// a name that the system writes out as it sees fit.
#pragma once

#include <cstddef>
#include <string>

#include "runtime/base/aligned_buffer.h"
#include "runtime/base/matrix_view.h"

namespace lathe {

class HiddenStore {
 public:
  // spill_folder empty: memory. Error (kFailed) naming the folder and the system's reason.
  HiddenStore(std::size_t n_rows, std::size_t n_embd, const std::string& spill_folder);
  ~HiddenStore();
  HiddenStore(const HiddenStore&) = delete;
  HiddenStore& operator=(const HiddenStore&) = delete;

  std::size_t n_rows() const noexcept { return n_rows_; }
  std::size_t n_embd() const noexcept { return n_embd_; }
  MatrixView<float> rows(std::size_t first, std::size_t n) const noexcept {
    return {data_ + first * n_embd_, n, n_embd_};
  }

 private:
  std::size_t n_rows_, n_embd_;
  AlignedBuffer memory_;
  float* data_ = nullptr;
  std::size_t mapped_bytes_ = 0;  // 0: not mapped
};

}  // namespace lathe
