// The encoders of all formats and the inner loops of calibrated rounding, as one instruction set
// has them (quant/codecs/encoders).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"
#include "quant/codecs/rounding_kernels.h"

namespace lathe {

// One row of n_cols elements (whole blocks). `importance` is null, or holds n_cols positive weights
// of about 1 (prepare_importance). All values of x are finite and at most Codec::max_abs.
using EncodeRowFn = void (*)(const float* x, std::size_t n_cols, const float* importance,
                             std::uint8_t* blocks) noexcept;

struct EncoderTable {
  EncodeRowFn encode_row[kFormatCount];  // by Format; null for formats that lathe cannot write
  RoundingKernels rounding;
};

}  // namespace lathe
