// Calibrated rounding of up to kRoundingLanes rows, by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "kernels/kernel_table.h"
#include "quant/calibrate/rounding/rounding.h"
#include "quant/calibrate/rounding/row_codes.h"
#include "quant/codecs/codec.h"
#include "runtime/algebra/bf16_products.h"
#include "runtime/base/aligned_buffer.h"

namespace lathe {

// Buffers of one thread, for chunk after chunk.
class RowChunk {
 public:
  // What errors are measured with. Neighbouring columns see each other in float32, others in
  // bfloat16: an error that is made up for to a 256th is as good as gone.
  struct Metric {
    MatrixView<const float> h;     // [n, n]
    const RoundingFactor& factor;  // of h
    const Bf16Matrix& moment;      // h
    const Bf16Matrix& feedback;    // N^T
  };

  // The references must outlive the chunk.
  RowChunk(Format format, const Metric& metric, const RoundingOptions& options,
           std::string_view tier, const KernelTable& kernels);

  // Writes the rows' blocks and, unless it is null, adds up their errors. The first row that cannot
  // be encoded, if any; nothing of use is written then.
  std::optional<std::size_t> round(MatrixView<const float> rows, std::uint8_t* blocks,
                                   RoundingErrors* errors) noexcept;

 private:
  // [n, rows in use] of an array [n, lanes].
  template <class T>
  MatrixView<T> lanes_of(T* data, std::size_t n) const noexcept {
    return {data, n, n_rows_, kRoundingLanes};
  }
  void see_errors(std::size_t first, std::size_t n, const float* errors) noexcept;
  void add_transposed(MatrixView<const float> a, const float* b, float* out) noexcept;
  void load_target(MatrixView<const float> rows) noexcept;
  void load_start_errors(MatrixView<const float> rows, const std::uint8_t* blocks) noexcept;
  double cost_of(const float* errors) noexcept;
  double feed_back() noexcept;
  void put_in_column_order() noexcept;
  double sweep() noexcept;

  Format format_;
  Metric metric_;
  const RoundingFactor& factor_;
  RoundingOptions options_;
  const Codec& codec_;
  DecodeFn decode_;
  std::unique_ptr<RowCodes> codes_;
  std::size_t n_rows_ = 0;         // in use, a multiple of kRoundingStep
  AlignedBuffer target_, errors_;  // [n, lanes] in the order of rounding, then of columns
  AlignedBuffer product_;          // [kBlock, lanes]
  Bf16Matrix error_rows_;          // [rows, n] what is known of errors_, for products
  std::vector<float> row_;
  AlignedBuffer spare_;  // [n, lanes]
};

}  // namespace lathe
