// Calibrated rounding of one matrix: the codes of its blocks are chosen so that its outputs change
// least, e H e^T, with H the second moment of its inputs and e the error of a row.
//
// Methods: successive rounding with error feedback (GPTQ, Frantar et al. 2022; LDLQ, Chee et al.
// 2023), here inside blocks with shared scales, whose integers are chosen on the way; then sweeps
// of coordinate descent. Super-scales are those of the plain encoder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/formats/format.h"
#include "quant/calibrate/rounding/rounding_factor.h"
#include "quant/calibrate/rounding/scaled_format.h"
#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// Whether the format has calibrated rounding; others are encoded plainly by the caller.
bool can_round_calibrated(Format format) noexcept;

struct RoundingOptions {
  int sweeps = 2;
  ScaleReach reach;
  // The errors of one in so many runs of kRoundingLanes rows are found, which takes them as long as
  // one sweep; 0: of none.
  std::size_t compare_every = 1;
};

// Sums over the rows that are compared; e as w* - v.
struct RoundingErrors {
  double nearest = 0.0;     // e H e^T of the plain encoder with importance diag(H)
  double calibrated = 0.0;  // e H e^T of the result
  double energy = 0.0;      // w* H w*^T

  // The first row with a value that is not finite or beyond what the format holds: then there is no
  // result.
  std::optional<std::size_t> bad_row;
};

// Rounds target [n_rows, n_cols] to blocks [n_rows, row_bytes(format, n_cols)]. h: [n_cols,
// n_cols], what `factor` was made of. `tier` as for find_codec(). The bytes do not depend on the
// number of threads; they do on the tier and on the CPU, as products of its kernels and OpenBLAS's
// do. Memory: 4 bytes for each element of h, about 2 KB for each column and thread.
RoundingErrors round_calibrated(Format format, MatrixView<const float> target,
                                MatrixView<const float> h, const RoundingFactor& factor,
                                std::string_view tier, ThreadPool& pool, std::uint8_t* blocks,
                                const RoundingOptions& options = {});

}  // namespace lathe
