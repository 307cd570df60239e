// One piece of attention: softmax(q K^T) V of up to 256 keys, in float32.
//
// Keys and values come 32 at a time. Keys are widened and transposed so that lanes are keys: a
// score is a sum over the head dimension in one fixed order, without horizontal sums. Values are
// widened so that lanes are head dimensions. A block of either stays in L1 and serves all queries,
// in tiles of up to 8; every query sees the same operations whatever tile it falls into, and masked
// keys are left out, not multiplied by zero.
#include "kernels/avx512/exp.h"
#include "kernels/avx512/fill.h"
#include "kernels/avx512/float_rows.h"
#include "kernels/formats/codebooks.h"

namespace lathe {
namespace {

constexpr size_t kBlock = 32;  // keys

inline size_t padded(size_t head_dim) noexcept { return (head_dim + 15) / 16 * 16; }

// scratch: scores float [n_q][256], then a block of keys or values float [kBlock *
// padded(head_dim)]
size_t attend_scratch_bytes(size_t n_q, size_t head_dim) noexcept {
  return (n_q * kAttentionPiece + kBlock * padded(head_dim)) * sizeof(float);
}

inline size_t visible(const AttendArgs& a, size_t query) noexcept {
  const int32_t n = a.n_visible[query];
  return n <= 0 ? 0 : min_of(static_cast<size_t>(n), a.n_keys);
}

struct Span {
  size_t least, most;
};

inline Span visible_span(const AttendArgs& a, size_t first, size_t count) noexcept {
  Span s = {a.n_keys, 0};
  for (size_t i = first; i < first + count; ++i) {
    const size_t n = visible(a, i);
    if (n < s.least) s.least = n;
    if (n > s.most) s.most = n;
  }
  return s;
}

// Half of a block of 32 nibbles, from element `first` (0 or 16) on.
inline __m128i nibbles(const uint8_t* qs, size_t first) noexcept {
  const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(qs));
  const __m128i shift = _mm_cvtsi32_si128(first == 0 ? 0 : 4);
  return _mm_and_si128(_mm_srl_epi16(q, shift), _mm_set1_epi8(15));
}

// The codes of 4 and 5 bits as the formats define them.
inline __m128i half_block(const BlockQ4_0& b, size_t first) noexcept {
  return _mm_sub_epi8(nibbles(b.qs, first), _mm_set1_epi8(8));
}
inline __m128i half_block(const BlockQ4_1& b, size_t first) noexcept {
  return nibbles(b.qs, first);
}
inline __m128i half_block(const BlockQ5_0& b, size_t first) noexcept {
  const __m128i q = nibbles(b.qs, first);
  const auto below = static_cast<__mmask16>(~load_as<uint32_t>(b.qh) >> first);
  return _mm_mask_sub_epi8(q, below, q, _mm_set1_epi8(16));
}
inline __m128i half_block(const BlockQ5_1& b, size_t first) noexcept {
  const __m128i q = nibbles(b.qs, first);
  const auto above = static_cast<__mmask16>(load_as<uint32_t>(b.qh) >> first);
  return _mm_mask_add_epi8(q, above, q, _mm_set1_epi8(16));
}
inline __m128i half_block(const BlockIQ4_NL& b, size_t first) noexcept {
  const __m128i table = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kIq4Values));
  return _mm_shuffle_epi8(table, nibbles(b.qs, first));
}
inline __m128i half_block(const BlockQ8_0& b, size_t first) noexcept {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(b.qs + first));
}

// Elements d to d + 15 (as `lanes` says) of a cached vector.
template <Format F, class Lanes>
inline __m512 load_cached(const uint8_t* vector, size_t d, Lanes lanes) noexcept {
  if constexpr (format_info(F).group != 0) {
    const auto& b = reinterpret_cast<const typename BlockOf<F>::Type*>(vector)[d / 32];
    const __m512 codes = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(half_block(b, d % 32)));
    const __m512 x = _mm512_mul_ps(codes, _mm512_set1_ps(half_to_float(b.d)));
    if constexpr (format_info(F).has_min) {
      return _mm512_add_ps(x, _mm512_set1_ps(half_to_float(b.m)));
    } else {
      return x;
    }
  } else {
    return load_floats<F>(vector, d, lanes);
  }
}

// Asks for the cached vectors of a block ahead of its use: they lie a token's stride apart, which
// the hardware does not foresee.
inline void prefetch_block(const AttendArgs& a, const uint8_t* cache, size_t stride, Format f,
                           size_t first) noexcept {
  const size_t bytes = row_bytes(f, a.head_dim);
  for (size_t i = first; i < min_of(first + kBlock, a.n_keys); ++i) {
    const uint8_t* p = cache + static_cast<size_t>(a.cells[i]) * stride;
    for (size_t at = 0; at < bytes; at += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(p + at), _MM_HINT_T0);
    }
  }
}

// out[d][key], 32 keys a row; places of missing keys hold some other key.
template <Format F>
void gather_keys(const AttendArgs& a, size_t first, float* out) noexcept {
  const uint8_t* keys[kBlock];
  for (size_t i = 0; i < kBlock; ++i) {
    const size_t cell = static_cast<size_t>(a.cells[first + i < a.n_keys ? first + i : first]);
    keys[i] = a.k + cell * a.k_stride;
  }
  for (size_t half = 0; half < kBlock; half += 16) {
    for_vectors(a.head_dim, [&](size_t d, auto lanes) noexcept {
      __m512i v[16];
#pragma GCC unroll 16
      for (size_t i = 0; i < 16; ++i) {
        v[i] = _mm512_castps_si512(load_cached<F>(keys[half + i], d, lanes));
      }
      transpose_16x16(v);
#pragma GCC unroll 16
      for (size_t i = 0; i < 16; ++i) _mm512_storeu_si512(out + (d + i) * kBlock + half, v[i]);
    });
  }
}

// out[key][d], rows of padded(head_dim).
template <Format F>
void gather_values(const AttendArgs& a, size_t first, size_t count, float* out) noexcept {
  for (size_t i = 0; i < count; ++i, out += padded(a.head_dim)) {
    const uint8_t* p = a.v + static_cast<size_t>(a.cells[first + i]) * a.v_stride;
    for_vectors(a.head_dim, [&](size_t d, auto lanes) noexcept {
      _mm512_storeu_ps(out + d, load_cached<F>(p, d, lanes));
    });
  }
}

// Calls f.operator()<F>() for the format of a cache.
template <class Fn>
inline void with_format(Format f, Fn fn) noexcept {
  switch (f) {
    case Format::F16:
      return fn.template operator()<Format::F16>();
    case Format::BF16:
      return fn.template operator()<Format::BF16>();
    case Format::Q8_0:
      return fn.template operator()<Format::Q8_0>();
    case Format::Q4_0:
      return fn.template operator()<Format::Q4_0>();
    case Format::Q4_1:
      return fn.template operator()<Format::Q4_1>();
    case Format::Q5_0:
      return fn.template operator()<Format::Q5_0>();
    case Format::Q5_1:
      return fn.template operator()<Format::Q5_1>();
    case Format::IQ4_NL:
      return fn.template operator()<Format::IQ4_NL>();
    default:
      return fn.template operator()<Format::F32>();
  }
}

// Scores of T queries with a block of 32 keys, to columns `first` on of their rows.
template <size_t T>
void score_tile(const AttendArgs& a, size_t query, const float* keys, size_t first,
                float* scores) noexcept {
  const float* q = a.q + query * a.q_stride;
  const size_t stride = a.q_stride, n = a.head_dim;
  __m512 acc[T][2];
#pragma GCC unroll 8
  for (size_t t = 0; t < T; ++t) acc[t][0] = acc[t][1] = _mm512_setzero_ps();
  for (size_t d = 0; d < n; ++d) {
    const __m512 k0 = _mm512_loadu_ps(keys + d * kBlock),
                 k1 = _mm512_loadu_ps(keys + d * kBlock + 16);
#pragma GCC unroll 8
    for (size_t t = 0; t < T; ++t) {
      const __m512 x = broadcast(q + t * stride + d);
      acc[t][0] = _mm512_fmadd_ps(k0, x, acc[t][0]);
      acc[t][1] = _mm512_fmadd_ps(k1, x, acc[t][1]);
    }
  }
#pragma GCC unroll 8
  for (size_t t = 0; t < T; ++t) {
    float* row = scores + (query + t) * kAttentionPiece + first;
    _mm512_storeu_ps(row, acc[t][0]);
    _mm512_storeu_ps(row + 16, acc[t][1]);
  }
}

// Scores to weights exp(score - max), in place.
void soften(float* scores, size_t n, float* max, float* sum) noexcept {
  __m512 m = _mm512_set1_ps(-__builtin_inff());
  for_vectors(
      n, [&](size_t j, auto lanes) noexcept { m = max_within(lanes, m, load(scores + j, lanes)); });
  *max = _mm512_reduce_max_ps(m);
  const __m512 largest = _mm512_set1_ps(*max);
  __m512 total = _mm512_setzero_ps();
  for_vectors(n, [&](size_t j, auto lanes) noexcept {
    const __m512 x = _mm512_sub_ps(load(scores + j, lanes), largest);
    const __m512 e = zero_outside(lanes, exp_floats(x));
    store(scores + j, lanes, e);
    total = _mm512_add_ps(total, e);
  });
  *sum = _mm512_reduce_add_ps(total);
}

struct ValueTile {
  const float* weights;  // of the tile's first query, column of the block's first key
  const float* values;   // [count][stride]
  size_t stride;
  Span keys;  // of this block: seen by all of the tile, by any
  const AttendArgs* args;
  size_t query, first;  // first query of the tile, first key of the block
};

// out[query + t][d .. d + 31] += weights . values, for the keys that the query sees.
template <size_t T, class Lanes>
void add_values_tile(const ValueTile& v, size_t d, Lanes lanes0, Lanes lanes1) noexcept {
  const float* weights = v.weights;
  const float* values = v.values + d;
  const size_t stride = v.stride, all = v.keys.least, any = v.keys.most;
  float* out = v.args->out + v.query * v.args->out_stride + d;
  const size_t out_stride = v.args->out_stride;
  __m512 acc[T][2];
#pragma GCC unroll 8
  for (size_t t = 0; t < T; ++t) {
    acc[t][0] = load(out + t * out_stride, lanes0);
    acc[t][1] = load(out + t * out_stride + 16, lanes1);
  }
  size_t j = 0;
  for (; j < all; ++j) {
    const __m512 v0 = load(values + j * stride, lanes0);
    const __m512 v1 = load(values + j * stride + 16, lanes1);
#pragma GCC unroll 8
    for (size_t t = 0; t < T; ++t) {
      const __m512 w = broadcast(weights + t * kAttentionPiece + j);
      acc[t][0] = _mm512_fmadd_ps(v0, w, acc[t][0]);
      acc[t][1] = _mm512_fmadd_ps(v1, w, acc[t][1]);
    }
  }
  for (; j < any; ++j) {
    const __m512 v0 = load(values + j * stride, lanes0);
    const __m512 v1 = load(values + j * stride + 16, lanes1);
#pragma GCC unroll 8
    for (size_t t = 0; t < T; ++t) {
      const bool sees = v.first + j < visible(*v.args, v.query + t);
      const __mmask16 lanes = static_cast<__mmask16>(sees ? 0xffff : 0);
      const __m512 w = broadcast(weights + t * kAttentionPiece + j);
      acc[t][0] = _mm512_mask3_fmadd_ps(v0, w, acc[t][0], lanes);
      acc[t][1] = _mm512_mask3_fmadd_ps(v1, w, acc[t][1], lanes);
    }
  }
#pragma GCC unroll 8
  for (size_t t = 0; t < T; ++t) {
    store(out + t * out_stride, lanes0, acc[t][0]);
    store(out + t * out_stride + 16, lanes1, acc[t][1]);
  }
}

// Calls f.operator()<T>(first query) over all queries in tiles of 8, 4, 2, 1.
template <class F>
inline void for_tiles(size_t n_q, F f) noexcept {
  size_t i = 0;
  for (; i + 8 <= n_q; i += 8) f.template operator()<8>(i);
  if (n_q - i >= 4) f.template operator()<4>(i), i += 4;
  if (n_q - i >= 2) f.template operator()<2>(i), i += 2;
  if (n_q - i >= 1) f.template operator()<1>(i);
}

inline size_t clamp_to_block(size_t n, size_t first) noexcept {
  return n <= first ? 0 : min_of(n - first, kBlock);
}

void score_all(const AttendArgs& a, size_t most, float* scores, float* block) noexcept {
  for (size_t first = 0; first < most; first += kBlock) {
    prefetch_block(a, a.k, a.k_stride, a.k_format, first + kBlock);
    with_format(a.k_format, [&]<Format F>() noexcept { gather_keys<F>(a, first, block); });
    for_tiles(a.n_q, [&]<size_t T>(size_t query) noexcept {
      if (visible_span(a, query, T).most > first) score_tile<T>(a, query, block, first, scores);
    });
  }
}

void add_all_values(const AttendArgs& a, size_t most, const float* scores, float* block) noexcept {
  for (size_t first = 0; first < most; first += kBlock) {
    const size_t count = min_of(kBlock, most - first);
    prefetch_block(a, a.v, a.v_stride, a.v_format, first + kBlock);
    with_format(a.v_format, [&]<Format F>() noexcept { gather_values<F>(a, first, count, block); });
    for_tiles(a.n_q, [&]<size_t T>(size_t query) noexcept {
      const Span s = visible_span(a, query, T);
      const Span keys = {clamp_to_block(s.least, first), clamp_to_block(s.most, first)};
      if (keys.most == 0) return;
      const ValueTile v = {scores + query * kAttentionPiece + first,
                           block,
                           padded(a.head_dim),
                           keys,
                           &a,
                           query,
                           first};
      for (size_t d = 0; d < a.head_dim; d += 32) {
        const size_t left = a.head_dim - d;
        if (left >= 32) {
          add_values_tile<T>(v, d, AllLanes{}, AllLanes{});
        } else {
          add_values_tile<T>(v, d, first_lanes(left), first_lanes(left > 16 ? left - 16 : 0));
        }
      }
    });
  }
}

void attend(const AttendArgs& a) noexcept {
  auto* scores = static_cast<float*>(a.scratch);
  float* block = scores + a.n_q * kAttentionPiece;
  const size_t most = visible_span(a, 0, a.n_q).most;
  score_all(a, most, scores, block);
  prefetch_block(a, a.v, a.v_stride, a.v_format, 0);
  for (size_t i = 0; i < a.n_q; ++i) {
    soften(scores + i * kAttentionPiece, visible(a, i), a.max + i, a.sum + i);
    __builtin_memset(a.out + i * a.out_stride, 0, a.head_dim * sizeof(float));
  }
  add_all_values(a, most, scores, block);
}

}  // namespace

void fill_avx512_attend(KernelTable& table) noexcept {
  table.attend = attend;
  table.attend_scratch_bytes = attend_scratch_bytes;
}

}  // namespace lathe
