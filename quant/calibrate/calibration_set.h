// The texts that calibration runs, with what each counts.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/forward/forward_runner.h"

namespace lathe {

struct CalibrationText {
  RunText items;          // all of them want logits, for the output head
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

// Tells an observer which rows of all items it sees: those of the texts one after another.
class ItemCounter {
 public:
  explicit ItemCounter(const CalibrationSet& set) : set_(set) {
    for (const CalibrationText& t : set.texts) first_.push_back(first_.back() + t.items.size());
  }
  void on_text(std::size_t text) noexcept {
    text_ = text;
    next_ = first_[text];
  }
  // The next n rows of the text: the place of the first.
  std::size_t take(std::size_t n) noexcept {
    next_ += n;
    return next_ - n;
  }
  const CalibrationText& text() const noexcept { return set_.texts[text_]; }

 private:
  const CalibrationSet& set_;
  std::vector<std::size_t> first_{0};
  std::size_t text_ = 0, next_ = 0;
};

}  // namespace lathe
