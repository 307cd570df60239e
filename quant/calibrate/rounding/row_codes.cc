#include "quant/calibrate/rounding/row_codes.h"

#include "quant/calibrate/rounding/grid_codes.h"
#include "quant/calibrate/rounding/scaled_codes.h"

namespace lathe {

bool has_row_codes(Format format) noexcept {
  return find_scaled_format(format) != nullptr || GridCodes::find_layout(format) != nullptr;
}

std::unique_ptr<RowCodes> make_row_codes(Format format, std::size_t n_cols, const ScaleReach& reach,
                                         const RoundingKernels& kernels) {
  if (const ScaledFormat* scaled = find_scaled_format(format)) {
    return std::make_unique<ScaledCodes>(*scaled, n_cols, reach, kernels);
  }
  if (const GridCodes::Layout* layout = GridCodes::find_layout(format)) {
    return std::make_unique<GridCodes>(*layout, n_cols, kernels);
  }
  return nullptr;
}

}  // namespace lathe
