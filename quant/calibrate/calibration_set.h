// The texts that calibration runs, with what each counts.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/forward/forward_runner.h"

namespace lathe {

struct CalibrationText {
  RunText items;          // none wants logits: the head is run by itself
  double weight = 1.0;    // of each of its tokens
  bool held_out = false;  // only judges what the others decided
};

struct CalibrationSet {
  std::vector<CalibrationText> texts;

  std::vector<RunText> run_texts() const {
    std::vector<RunText> out;
    for (const CalibrationText& t : texts) out.push_back(t.items);
    return out;
  }
  std::size_t n_items() const noexcept {
    std::size_t n = 0;
    for (const CalibrationText& t : texts) n += t.items.size();
    return n;
  }
};

}  // namespace lathe
