// What rounding takes from the size of a block, and how much of it is given back.
//
// With the scale of least squares the error is orthogonal to the rounded values y, not to the
// numbers x: sum w x y = sum w y^2 < sum w x^2. So each row answers too weakly, and all rows of a
// matrix by about the same share: 1 % with 3 bits, 20 % with 1.5. Beside the errors of single
// elements that is little, but it does not average out over the columns, and the next layers see
// all of it: divergence of whole models falls by up to a fifth when most of it is given back,
// although the squared error grows. Where a model normalises what a block gives (OLMo-2), it makes
// no difference.
#pragma once

namespace lathe::LATHE_CODEC_TIER {

// How much, by format: chosen by divergence of whole models. Finer formats shrink too little for it
// to show.
inline constexpr float kRestoredIq1 = 0.6f, kRestoredIq2 = 0.85f, kRestoredIq3 = 0.85f;
inline constexpr float kRestoredQ2K = 0.5f, kRestoredQ3K = 0.75f;

// What to multiply the super-scales by. xx = sum w x^2, xy = sum w x y.
static inline float restoring_factor(double xx, double xy, float share) noexcept {
  constexpr double kMost = 1.25;  // blocks that kept next to nothing stay as they are
  if (!(xy > 0.0) || !(xx > xy)) return 1.0f;
  const double factor = 1.0 + share * (xx / xy - 1.0);
  return factor > kMost ? 1.0f : static_cast<float>(factor);
}

}  // namespace lathe::LATHE_CODEC_TIER
