// The turns that all super-blocks with integer scales take: super-scales by least squares, then
// integers by trial, as long as the error falls.
#pragma once

namespace lathe::LATHE_CODEC_TIER {

// Super has improve_scales(first), which returns the total error and may look less far around once
// the integers were chosen before, and solve_super_scales(), false when there is nothing to solve.
// A turn that does not help is taken back.
template <class Super>
void descend(Super& super, int max_turns) noexcept {
  double error = super.improve_scales(true);
  for (int turn = 0; turn < max_turns; ++turn) {
    const Super before = super;
    if (!super.solve_super_scales()) return;
    const double now = super.improve_scales(false);
    if (now >= error) {
      super = before;
      return;
    }
    error = now;
  }
}

}  // namespace lathe::LATHE_CODEC_TIER
