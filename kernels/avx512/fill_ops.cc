// The steps between matrix products: norm, sums, gates, rotations, log-softmax.
#include "kernels/avx512/exp.h"
#include "kernels/avx512/fill.h"

namespace lathe {
namespace {

inline __m512d low_doubles(__m512 x) noexcept { return _mm512_cvtps_pd(_mm512_castps512_ps256(x)); }
inline __m512d high_doubles(__m512 x) noexcept {
  return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
}

double sum_of_squares(const float* x, size_t n) noexcept {
  __m512d a = _mm512_setzero_pd(), b = a;
  for_vectors(n, [&](size_t i, auto lanes) noexcept {
    const __m512 v = load(x + i, lanes);
    a = _mm512_fmadd_pd(low_doubles(v), low_doubles(v), a);
    b = _mm512_fmadd_pd(high_doubles(v), high_doubles(v), b);
  });
  return _mm512_reduce_add_pd(_mm512_add_pd(a, b));
}

void rms_norm(const float* x, const float* weight, size_t n, float eps, float* y) noexcept {
  const auto mean = static_cast<float>(sum_of_squares(x, n) / static_cast<double>(n));
  const __m512 factor = _mm512_set1_ps(1.0f / __builtin_sqrtf(mean + eps));
  for_vectors(n, [&](size_t i, auto lanes) noexcept {
    const __m512 v = _mm512_mul_ps(load(x + i, lanes), factor);
    store(y + i, lanes, _mm512_mul_ps(v, load(weight + i, lanes)));
  });
}

void add(float* x, const float* y, size_t n) noexcept {
  for_vectors(n, [&](size_t i, auto lanes) noexcept {
    const __m512 v = load(x + i, lanes);
    store(x + i, lanes, _mm512_add_ps(v, load(y + i, lanes)));
  });
}

void scale(float* x, float factor, size_t n) noexcept {
  const __m512 f = _mm512_set1_ps(factor);
  for_vectors(n, [&](size_t i, auto lanes) noexcept {
    store(x + i, lanes, _mm512_mul_ps(load(x + i, lanes), f));
  });
}

void silu_mul(const float* gate, const float* up, size_t n, float* out) noexcept {
  const __m512 one = _mm512_set1_ps(1.0f), zero = _mm512_setzero_ps();
  for_vectors(n, [&](size_t i, auto lanes) noexcept {
    const __m512 z = load(gate + i, lanes);
    const __m512 denominator = _mm512_add_ps(one, exp_floats(_mm512_sub_ps(zero, z)));
    const __m512 u = load(up + i, lanes);
    store(out + i, lanes, _mm512_mul_ps(_mm512_div_ps(z, denominator), u));
  });
}

void rope_halves(float* x, size_t n_pairs, const float* cos, const float* sin) noexcept {
  for_vectors(n_pairs, [&](size_t i, auto lanes) noexcept {
    const __m512 a = load(x + i, lanes);
    const __m512 b = load(x + n_pairs + i, lanes);
    const __m512 c = load(cos + i, lanes), s = load(sin + i, lanes);
    store(x + i, lanes, _mm512_sub_ps(_mm512_mul_ps(a, c), _mm512_mul_ps(b, s)));
    store(x + n_pairs + i, lanes, _mm512_add_ps(_mm512_mul_ps(a, s), _mm512_mul_ps(b, c)));
  });
}

void rope_neighbours(float* x, size_t n_pairs, const float* cos, const float* sin) noexcept {
  const __m512i twice = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
  for (size_t i = 0; i < n_pairs; i += 8) {
    const size_t pairs = min_of(8, n_pairs - i);
    const __mmask16 lanes = first_lanes(2 * pairs), half = first_lanes(pairs);
    const __m512 c = _mm512_permutexvar_ps(twice, _mm512_maskz_loadu_ps(half, cos + i));
    const __m512 s = _mm512_permutexvar_ps(twice, _mm512_maskz_loadu_ps(half, sin + i));
    const __m512 v = _mm512_maskz_loadu_ps(lanes, x + 2 * i);
    const __m512 swapped = _mm512_permute_ps(v, 0xb1);
    // a cos - b sin in even lanes, b cos + a sin in odd ones; both products rounded as elsewhere.
    const __m512 cross = _mm512_mul_ps(swapped, s), same = _mm512_mul_ps(v, c);
    const __m512 turned = _mm512_mask_sub_ps(_mm512_add_ps(same, cross), 0x5555, same, cross);
    _mm512_mask_storeu_ps(x + 2 * i, lanes, turned);
  }
}

void rope(float* x, size_t n_heads, size_t head_dim, const float* cos, const float* sin,
          RopePairing pairing) noexcept {
  const bool halves = pairing == RopePairing::kHalves;
  for (size_t h = 0; h < n_heads; ++h, x += head_dim) {
    if (halves) {
      rope_halves(x, head_dim / 2, cos, sin);
    } else {
      rope_neighbours(x, head_dim / 2, cos, sin);
    }
  }
}

void log_sum_exp(const float* x, size_t n, float* max, double* sum) noexcept {
  __m512 m = _mm512_set1_ps(x[0]);
  for_vectors(n,
              [&](size_t i, auto lanes) noexcept { m = max_within(lanes, m, load(x + i, lanes)); });
  const float largest = _mm512_reduce_max_ps(m);
  __m512d a = _mm512_setzero_pd(), b = a;
  for_vectors(n, [&](size_t i, auto lanes) noexcept {
    const __m512 v = _mm512_sub_ps(load(x + i, lanes), _mm512_set1_ps(largest));
    const __m512 e = zero_outside(lanes, exp_floats(v));
    a = _mm512_add_pd(a, low_doubles(e));
    b = _mm512_add_pd(b, high_doubles(e));
  });
  *max = largest;
  *sum = _mm512_reduce_add_pd(_mm512_add_pd(a, b));
}

}  // namespace

void fill_avx512_ops(KernelTable& table) noexcept {
  table.rms_norm = rms_norm;
  table.add = add;
  table.scale = scale;
  table.silu_mul = silu_mul;
  table.rope = rope;
  table.log_sum_exp = log_sum_exp;
}

}  // namespace lathe
