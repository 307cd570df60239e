// Tensors of the healed model: values in float32 to work with, bytes in the model's own float
// format to run and to write.
#pragma once

#include <map>
#include <string>

#include "kernels/kernel_table.h"
#include "runtime/algebra/dense_matrix.h"
#include "runtime/tensor_role.h"
#include "runtime/weight_view.h"

namespace lathe {

// Owns its bytes.
class FloatTensor {
 public:
  FloatTensor() = default;
  // Values in a float format (is_float_format()).
  FloatTensor(const KernelTable& kernels, Format format, MatrixView<const float> values);
  // A copy of what is there already.
  explicit FloatTensor(const WeightView& view);

  WeightView view() const noexcept {
    return {format_, rows_, cols_, reinterpret_cast<const std::uint8_t*>(bytes_.data())};
  }

 private:
  Format format_ = Format::F32;
  std::size_t rows_ = 0, cols_ = 0;
  AlignedBuffer bytes_;
};

constexpr bool is_float_format(Format format) noexcept {
  return format == Format::F32 || format == Format::F16 || format == Format::BF16;
}

}  // namespace lathe
