// How far from its source a tensor of each format may come back: a correct encoder stays within
// that for any weights, a wrong one (other rows, another scale, zeros) does not.
//
// Two measures of the squared error, summed over rows. As a share of the largest magnitude in each
// block, which a few outliers leave alone: a relative error would be large where one value is a
// thousand times the others, and rightly so. And as a share of the values, which the formats with a
// code book need for weights that are all of one size (binary, ternary). What is beyond both is too
// much. Each is taken plain and weighted by importance, and the smaller counts, because an encoder
// that follows an importance matrix gives up what does not matter.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "kernels/formats/format.h"

namespace lathe {

struct ErrorLimit {
  double of_range;   // root mean square error / of the largest magnitudes of the blocks
  double of_values;  // / root mean square of the values; 0: of_range decides alone
  double codes;      // the largest value in units of the stored half-precision scale, which has an
                     // error of up to 2^-25 of its own; 0: another kind of scale
};
ErrorLimit error_limit(Format format) noexcept;

// The error of rows that were encoded in `format`, from what they decode to.
class EncodingError {
 public:
  explicit EncodingError(Format format) noexcept;

  // One row of whole blocks. `importance`: one for each column (quant/codecs/codec.h), or empty.
  void add_row(std::span<const float> source, std::span<const float> decoded,
               std::span<const float> importance) noexcept;

  double relative_rms() const noexcept { return plain_.of_values(0.0); }
  std::optional<double> weighted_rms() const noexcept;  // nothing without importance
  // `slack`: how many times the limit is still explained.
  bool too_large(double slack = 1.0) const noexcept;

 private:
  struct Sums {
    double error = 0.0, values = 0.0, ranges = 0.0, weight = 0.0;

    void add(double w, double e, double x, double range) noexcept;
    double of_values(double floor) const noexcept;
    double of_ranges(double floor) const noexcept;
  };

  ErrorLimit limit_;
  std::size_t block_;
  Sums plain_, weighted_;
};

}  // namespace lathe
