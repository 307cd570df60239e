// Rows of one tensor of a job, from the source's format to the planned one, by all threads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "quant/codecs/codec.h"
#include "quant/pipeline/quantize.h"
#include "runtime/decode_rows.h"

namespace lathe {

// The importance of the columns of matrix `mat` of a tensor, prepared for encoders (codec.h); empty
// when there is none to use. `warning`, where given, gets the reason if there should have been one.
std::vector<float> importance_for(const QuantizeJob& job, const PlannedTensor& tensor,
                                  std::uint64_t mat, std::string* warning = nullptr);

class TensorEncoder {
 public:
  TensorEncoder(const QuantizeJob& job, const KernelTable& kernels, ThreadPool& pool) noexcept
      : job_(job), tier_(kernels.tier), decoder_(kernels, pool) {}

  // Rows [first, first + n) of the tensor, which all belong to one matrix with this importance.
  // Valid until the next call. Error (kBadInput) naming the tensor and the row that cannot be
  // encoded.
  std::span<const std::uint8_t> encode(const PlannedTensor& tensor, std::uint64_t first,
                                       std::uint64_t n, std::span<const float> importance);

 private:
  const QuantizeJob& job_;
  std::string_view tier_;
  RowDecoder decoder_;
  std::vector<std::uint8_t> encoded_;
};

}  // namespace lathe
