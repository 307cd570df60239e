// How alike two vectors are.
#pragma once

#include <cmath>
#include <cstddef>

namespace lathe {

// Sums of products, in double precision.
struct DotProducts {
  double ab = 0.0, aa = 0.0, bb = 0.0;

  // 0 where one of the vectors is zero.
  double cosine() const noexcept {
    return aa > 0.0 && bb > 0.0 ? ab / (std::sqrt(aa) * std::sqrt(bb)) : 0.0;
  }
};

// a, b: [n].
inline DotProducts dot_products(const float* a, const float* b, std::size_t n) noexcept {
  DotProducts out;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = a[i], y = b[i];
    out.ab += x * y;
    out.aa += x * x;
    out.bb += y * y;
  }
  return out;
}

}  // namespace lathe
