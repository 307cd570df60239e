// Rows in a format with scales.
#pragma once

#include <vector>

#include "quant/calibrate/rounding/row_codes.h"

namespace lathe {

class ScaledCodes final : public RowCodes {
 public:
  ScaledCodes(const ScaledFormat& format, std::size_t n_cols, const ScaleReach& reach,
              const RoundingKernels& kernels);

  std::size_t sub_block() const noexcept override { return format_.sub_block; }
  void read(const std::uint8_t* blocks, std::size_t n_rows) noexcept override;
  void write(std::uint8_t* blocks, std::size_t n_rows) const noexcept override;
  void round(const SubBlockPlace& place, float* costs) noexcept override;
  void sweep(const SweepPlace& place, float* changes) noexcept override;

 private:
  std::size_t n_subs() const noexcept { return n_cols_ / format_.sub_block; }
  void list_candidates(const StoredScale* present) noexcept;

  const ScaledFormat& format_;
  std::size_t n_cols_, n_rows_ = 0;
  ScaleReach reach_;
  RoundingKernels kernels_;
  std::vector<StoredScale> stored_;   // [n_subs, lanes]
  std::vector<float> scales_, mins_;  // [n_subs, lanes] what they stand for
  std::vector<std::uint8_t> codes_;   // [n_cols, lanes]
  std::vector<float> candidates_[2];  // [n_candidates, lanes] scales and minimums
  mutable std::vector<StoredScale> row_scales_;
  mutable std::vector<std::uint8_t> row_codes_;
};

}  // namespace lathe
