// Encoders of weights: float32 rows to the blocks of a format.
//
// Every format has one codec: a function that encodes one row on its own, so that any partition of
// a tensor's rows gives the same bytes. The bytes are also the same for any instruction-set tier
// (quant/codecs/vec.h). Algorithms: searches over roundings that minimise the squared error
// weighted by importance, then joint refinement of super-block scales, sub-block scales and codes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"
#include "runtime/base/matrix_view.h"

namespace lathe {

// One row of n_cols elements (whole blocks). `importance` is null, or holds n_cols positive weights
// of about 1 (prepare_importance). All values of x are finite and at most Codec::max_abs.
using EncodeRowFn = void (*)(const float* x, std::size_t n_cols, const float* importance,
                             std::uint8_t* blocks) noexcept;

struct Codec {
  Format format;
  EncodeRowFn encode_row;
  float max_abs;         // larger magnitudes cannot be represented
  bool uses_importance;  // false: the same bytes with and without
};

// nullptr for formats that lathe cannot write.
const Codec* find_codec(Format format) noexcept;

// Encodes all rows of x to `blocks` (row_bytes(format, x.cols) each). Stops before the first row
// that holds NaN, an infinity or a value beyond max_abs, and returns its index; x.rows when all
// were encoded.
std::size_t encode_rows(const Codec& codec, MatrixView<const float> x, const float* importance,
                        std::uint8_t* blocks) noexcept;

// Makes importances fit for encoders: scaled by a power of two so that their mean is about 1, and
// none below a small fraction of the mean, so that a column that calibration never excited still
// gets sensible codes. False, and nothing written, when a value is negative or not finite, or all
// are zero: the caller then encodes without.
bool prepare_importance(const float* importance, std::size_t n, float* prepared) noexcept;

}  // namespace lathe
