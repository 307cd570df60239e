// The tokens of a calibration text as rows: text after text, all of one length. Every so many-th
// text is held out: nothing is fitted to it, and it says what a fit is worth.
#pragma once

#include <algorithm>
#include <cstddef>

namespace lathe {

enum class RowPart { kFitted, kHeldOut };

struct CalibrationRows {
  std::size_t n_texts = 0, text_rows = 0;
  std::size_t held_out_every = 8;

  static constexpr std::size_t kTile = 1024;  // most rows that are worked on at once

  std::size_t n_rows() const noexcept { return n_texts * text_rows; }
  bool held_out(std::size_t text) const noexcept {
    return text % held_out_every == held_out_every - 1;
  }
  // Calls f(first_row, n_rows) for pieces of the texts of that part, in order.
  template <class F>
  void for_tiles(RowPart part, F f) const {
    for (std::size_t text = 0; text < n_texts; ++text) {
      if (held_out(text) != (part == RowPart::kHeldOut)) continue;
      for (std::size_t at = 0; at < text_rows; at += kTile) {
        f(text * text_rows + at, std::min(kTile, text_rows - at));
      }
    }
  }
};

}  // namespace lathe
