#include "runtime/decode_rows.h"

namespace lathe {

DenseMatrix<float> decoded(const KernelTable& kernels, ThreadPool& pool, const WeightView& view) {
  DenseMatrix<float> out(view.rows, view.cols);
  RowDecoder decoder(kernels, pool);
  decoder.for_groups(view, [&](const RowGroup& group) noexcept {
    for (std::size_t r = 0; r < group.values.rows; ++r) {
      std::copy_n(group.values.row(r), group.values.cols, out.row(group.first + r));
    }
  });
  return out;
}

}  // namespace lathe
