// Encoders of weights: float32 rows to the blocks of a format.
//
// Every format has one codec: a function that encodes one row on its own, so that any partition of
// a tensor's rows gives the same bytes. The bytes are also the same for any instruction-set tier
// (quant/codecs/encoders/vec.h). Algorithms: searches over roundings that minimise the squared
// error weighted by importance, then joint refinement of super-block scales, sub-block scales and
// codes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "quant/codecs/encoder_table.h"
#include "runtime/base/matrix_view.h"

namespace lathe {

struct Codec {
  Format format;
  EncodeRowFn encode_row;
  float max_abs;         // larger magnitudes cannot be represented
  bool uses_importance;  // false: the same bytes with and without
};

// nullptr for formats that lathe cannot write. `tier` is that of a KernelTable (empty: the best of
// this CPU); it decides the time that encoding takes and never the bytes.
const Codec* find_codec(Format format, std::string_view tier = {}) noexcept;

// The inner loops of calibrated rounding, of the same tier.
const RoundingKernels& rounding_kernels(std::string_view tier = {}) noexcept;

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
