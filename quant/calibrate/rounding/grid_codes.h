// Rows in a grid format.
#pragma once

#include <vector>

#include "quant/calibrate/rounding/row_codes.h"

namespace lathe {

class GridCodes final : public RowCodes {
 public:
  // What differs between the formats.
  struct Layout {
    Format format;
    std::size_t sub_block;  // elements that share a code of the scale
    std::size_t dims;       // elements of a point
    void (*read)(const std::uint8_t* blocks, std::size_t n, float* d, std::uint8_t* codes) noexcept;
    void (*write)(const float* d, const std::uint8_t* codes, const GridChoices& choices,
                  std::size_t n, std::uint8_t* blocks) noexcept;
  };
  static const Layout* find_layout(Format format) noexcept;  // null for others

  GridCodes(const Layout& layout, std::size_t n_cols, const RoundingKernels& kernels);

  std::size_t sub_block() const noexcept override { return layout_.sub_block; }
  void read(const std::uint8_t* blocks, std::size_t n_rows) noexcept override;
  void write(std::uint8_t* blocks, std::size_t n_rows) const noexcept override;
  void round(const SubBlockPlace& place, float* costs) noexcept override;
  void sweep(const SweepPlace& place, float* changes) noexcept override;

 private:
  // All numbers of n columns; of kRoundingLanes rows side by side, or of one row.
  struct Numbers {
    Numbers(const Layout& layout, std::size_t n_cols, std::size_t n_rows);
    GridChoices choices() noexcept { return {indices.data(), signs.data(), offsets.data()}; }

    std::vector<float> d;
    std::vector<std::uint8_t> codes;
    std::vector<std::uint16_t> indices;
    std::vector<std::uint8_t> signs, offsets;
  };
  GridChoices choices_at(std::size_t column) noexcept;

  const Layout& layout_;
  std::size_t n_cols_, n_rows_ = 0;
  RoundingKernels kernels_;
  Numbers lanes_;
  mutable Numbers row_;
};

}  // namespace lathe
