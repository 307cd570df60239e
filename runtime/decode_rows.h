// The rows of a tensor as float32: groups of a few rows, which all threads draw.
//
// A group holds about 64 Ki values and at least one row, and follows from the shape alone: sums
// that are kept by group and added in their order do not depend on the number of threads. Memory is
// one group for each thread, whatever the size of the tensor.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/kernel_table.h"
#include "runtime/algebra/dense_matrix.h"
#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/tensor_source.h"
#include "runtime/weight_view.h"

namespace lathe {

struct RowRange {
  std::uint64_t first = 0, n = 0;
};

struct RowGroup {
  std::size_t index = 0;           // 0 .. row_groups() - 1
  std::uint64_t first = 0;         // its first row in the tensor
  MatrixView<const float> values;  // valid during the call
};

constexpr std::size_t rows_in_group(std::size_t cols) noexcept {
  constexpr std::size_t kGroupElements = 64U << 10;
  return std::max<std::size_t>(1, kGroupElements / std::max<std::size_t>(1, cols));
}
constexpr std::size_t row_groups(std::uint64_t n_rows, std::size_t cols) noexcept {
  return (n_rows + rows_in_group(cols) - 1) / rows_in_group(cols);
}

// Keeps its buffers from one tensor to the next. Of one thread at a time, which owns the pool then.
class RowDecoder {
 public:
  RowDecoder(const KernelTable& kernels, ThreadPool& pool) noexcept
      : kernels_(kernels), pool_(pool) {}

  // Calls use(group) for each group of these rows, on any thread and in any order. Must not throw.
  template <class Use>
  void for_groups(const TensorSource& source, const TensorInfo& tensor, RowRange range, Use use) {
    const auto rows = [&](std::uint64_t first, std::uint64_t n, std::span<std::uint8_t> buffer) {
      return source.rows(tensor, first, n, buffer).data();
    };
    decode(tensor.format, tensor.cols(), range, rows, use);
  }
  template <class Use>
  void for_groups(const TensorSource& source, const TensorInfo& tensor, Use use) {
    for_groups(source, tensor, {0, tensor.rows()}, use);
  }
  // The same of a weight of a model.
  template <class Use>
  void for_groups(const WeightView& view, Use use) {
    const auto rows = [&](std::uint64_t first, std::uint64_t n, std::span<std::uint8_t>) {
      return view.slice_rows(first, n).data;
    };
    decode(view.format, view.cols, {0, view.rows}, rows, use);
  }

 private:
  template <class Rows, class Use>
  void decode(Format format, std::size_t cols, RowRange range, Rows rows, Use use) {
    const std::size_t group = rows_in_group(cols), bytes = group * row_bytes(format, cols);
    const DecodeFn decode_blocks = kernels_.decode[index_of(format)];
    encoded_.resize(static_cast<std::size_t>(pool_.size()) * bytes);
    decoded_.resize(static_cast<std::size_t>(pool_.size()) * group * cols);
    pool_.for_each(row_groups(range.n, cols), [&](std::size_t g, int thread) noexcept {
      const auto t = static_cast<std::size_t>(thread);
      const std::uint64_t first = range.first + g * group;
      const std::size_t n = std::min<std::size_t>(group, range.n - g * group);
      float* values = decoded_.data() + t * group * cols;
      decode_blocks(rows(first, n, std::span(encoded_).subspan(t * bytes, bytes)), n * cols,
                    values);
      use(RowGroup{g, first, {values, n, cols}});
    });
  }

  const KernelTable& kernels_;
  ThreadPool& pool_;
  std::vector<std::uint8_t> encoded_;  // one group for each thread, for sources that make rows
  std::vector<float> decoded_;
};

// All of a weight, of any format.
DenseMatrix<float> decoded(const KernelTable& kernels, ThreadPool& pool, const WeightView& view);

// The lowest row that any thread noted.
class FirstRow {
 public:
  void note(std::uint64_t row) noexcept {
    std::uint64_t seen = row_.load();
    while (row < seen && !row_.compare_exchange_weak(seen, row)) {
    }
  }
  std::optional<std::uint64_t> get() const noexcept {
    const std::uint64_t row = row_.load();
    return row == kNone ? std::nullopt : std::optional(row);
  }

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  std::atomic<std::uint64_t> row_{kNone};
};

}  // namespace lathe
