// The codes and scales of kRoundingLanes rows while calibrated rounding chooses them: one kind for
// each family of formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "kernels/formats/format.h"
#include "quant/calibrate/rounding/scaled_format.h"
#include "quant/codecs/rounding_kernels.h"

namespace lathe {

// One sub-block of all rows. Arrays hold its columns in the order of rounding; lanes are rows.
struct SubBlockPlace {
  std::size_t index;             // of the sub-block in its row
  const std::uint32_t* columns;  // [sub_block] which column each is
  const float* target;           // [sub_block, lanes] w*
  const float* wanted;           // [sub_block, lanes] w* and what earlier errors ask for
  const float* feedback;         // [sub_block, sub_block] N, stride apart
  std::size_t feedback_stride;
  const float* weights;  // [sub_block] D
  float* errors;         // out: [sub_block, lanes]
};

// Neighbouring columns of all rows, whole sub-blocks, in their own order.
struct SweepPlace {
  std::size_t first, n_cols;
  const float* target;  // [n_cols, lanes]
  const float* h;       // [n_cols, n_cols], stride apart
  std::size_t h_stride;
  float* gradient;  // [n_cols, lanes] e H; scratch afterwards
  float* errors;    // in and out: [n_cols, lanes]
};

class RowCodes {
 public:
  virtual ~RowCodes() = default;

  virtual std::size_t sub_block() const noexcept = 0;  // columns that are rounded together
  // From what the present encoder wrote: n_rows <= lanes rows; the others are zero.
  virtual void read(const std::uint8_t* blocks, std::size_t n_rows) noexcept = 0;
  virtual void write(std::uint8_t* blocks, std::size_t n_rows) const noexcept = 0;
  // Both add up costs over columns, by lane: of the sub-block as chosen; by how much e H e^T
  // changed.
  virtual void round(const SubBlockPlace& place, float* costs) noexcept = 0;
  virtual void sweep(const SweepPlace& place, float* changes) noexcept = 0;
};

bool has_row_codes(Format format) noexcept;
// Null for formats without.
std::unique_ptr<RowCodes> make_row_codes(Format format, std::size_t n_cols, const ScaleReach& reach,
                                         const RoundingKernels& kernels);

}  // namespace lathe
