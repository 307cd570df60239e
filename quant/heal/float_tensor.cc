#include "quant/heal/float_tensor.h"

#include <algorithm>

namespace lathe {

FloatTensor::FloatTensor(const KernelTable& kernels, Format format, MatrixView<const float> values)
    : format_(format),
      rows_(values.rows),
      cols_(values.cols),
      bytes_(values.rows * row_bytes(format, values.cols)) {
  const EncodeFn encode = kernels.encode[index_of(format)];
  auto* to = reinterpret_cast<std::uint8_t*>(bytes_.data());
  for (std::size_t r = 0; r < rows_; ++r) {
    encode(values.row(r), cols_, to + r * row_bytes(format, cols_));
  }
}

FloatTensor::FloatTensor(const WeightView& view)
    : format_(view.format), rows_(view.rows), cols_(view.cols), bytes_(view.bytes()) {
  std::copy_n(view.data, view.bytes(), bytes_.as<std::uint8_t>().data());
}

}  // namespace lathe
