// One piece of attention (AttendArgs, kernels/kernel_table.h).
//
// Keys and values are converted to float32 a block of kKeyBlock at a time, each once for all
// queries. Scores: dot products along the head, eight keys side by side. Values: sums over the keys
// in order, one fma each. Both orders are the same for every query, whatever else is in the call;
// keys that a query does not see never touch its result.
#pragma once

#include "kernels/activation.h"
#include "kernels/kernel_table.h"
#include "kernels/lanes/convert.h"
#include "kernels/lanes/exp.h"

namespace lathe {
namespace {

constexpr std::size_t kKeyBlock = 32;

// Heads are padded with zeros to whole vectors.
constexpr std::size_t padded(std::size_t head_dim) noexcept { return (head_dim + 7) / 8 * 8; }

struct AttendScratch {
  std::size_t dim;  // padded
  float* scores;    // [n_q, kAttentionPiece], then weights
  float* q;         // [n_q, dim]
  float* out;       // [n_q, dim]
  float* block;     // [kKeyBlock, dim]

  AttendScratch(void* scratch, std::size_t n_q, std::size_t head_dim) noexcept
      : dim(padded(head_dim)),
        scores(static_cast<float*>(scratch)),
        q(scores + n_q * kAttentionPiece),
        out(q + n_q * dim),
        block(out + n_q * dim) {}
};

inline std::size_t attend_scratch_bytes(std::size_t n_q, std::size_t head_dim) noexcept {
  const std::size_t dim = padded(head_dim);
  return round_up_64((n_q * (kAttentionPiece + 2 * dim) + kKeyBlock * dim) * sizeof(float));
}

inline DecodeFn decode_of(Format f) noexcept {
  if (f == Format::F16) return decode_floats<Format::F16>;
  if (f == Format::BF16) return decode_floats<Format::BF16>;
  if (f == Format::Q8_0) return decode_blocks<Format::Q8_0>;
  if (f == Format::Q4_0) return decode_blocks<Format::Q4_0>;
  if (f == Format::Q4_1) return decode_blocks<Format::Q4_1>;
  if (f == Format::Q5_0) return decode_blocks<Format::Q5_0>;
  if (f == Format::Q5_1) return decode_blocks<Format::Q5_1>;
  if (f == Format::IQ4_NL) return decode_blocks<Format::IQ4_NL>;
  return decode_floats<Format::F32>;
}

// Keys of the block from `first` that query i sees.
LATHE_INLINE std::size_t visible(const AttendArgs& a, std::size_t i, std::size_t first) noexcept {
  const std::int32_t seen = a.n_visible[i];
  const std::size_t n = lesser(seen < 0 ? 0 : static_cast<std::size_t>(seen), a.n_keys);
  return n > first ? lesser(n - first, kKeyBlock) : 0;
}

// n rows of head_dim floats, the padding zero.
inline void pad_rows(const float* x, std::size_t stride, std::size_t n, std::size_t head_dim,
                     std::size_t dim, float* out) noexcept {
  for (std::size_t i = 0; i < n; ++i, x += stride, out += dim) {
    std::memcpy(out, x, head_dim * sizeof(float));
    for (std::size_t d = head_dim; d < dim; ++d) out[d] = 0.0f;
  }
}

// Decodes n cached vectors, and zeros up to whole groups of eight.
inline void decode_block(const std::uint8_t* data, std::size_t stride, Format format,
                         const std::int32_t* cells, std::size_t n, std::size_t head_dim,
                         const AttendScratch& s) noexcept {
  const DecodeFn decode = decode_of(format);
  for (std::size_t j = 0; j < n; ++j) {
    float* row = s.block + j * s.dim;
    decode(data + static_cast<std::size_t>(cells[j]) * stride, head_dim, row);
    for (std::size_t d = head_dim; d < s.dim; ++d) row[d] = 0.0f;
  }
  for (std::size_t d = n * s.dim; d < (n + 7) / 8 * 8 * s.dim; ++d) s.block[d] = 0.0f;
}

// Scores of one query and eight keys.
LATHE_INLINE F32x8 score_8(const float* q, const float* keys, std::size_t dim) noexcept {
  F32x8 sums[8];
  for (F32x8& s : sums) s = zero();
  for (std::size_t d = 0; d < dim; d += 8) {
    const F32x8 x = load(q + d);
    unroll<8>([&](auto k) LATHE_LAMBDA_INLINE {
      constexpr int kK = decltype(k)::value;
      sums[kK] = fma(x, load(keys + kK * dim + d), sums[kK]);
    });
  }
  return sums_of_8(sums);
}

inline void score_keys(const AttendArgs& a, const AttendScratch& s) noexcept {
  for (std::size_t first = 0; first < a.n_keys; first += kKeyBlock) {
    const std::size_t n = lesser(kKeyBlock, a.n_keys - first);
    decode_block(a.k, a.k_stride, a.k_format, a.cells + first, n, a.head_dim, s);
    for (std::size_t i = 0; i < a.n_q; ++i) {
      for (std::size_t j = 0; j < visible(a, i, first); j += 8) {
        store(s.scores + i * kAttentionPiece + first + j,
              score_8(s.q + i * s.dim, s.block + j * s.dim, s.dim));
      }
    }
  }
}

// Scores to exp(score - max); returns their sum. Scores from n to the next multiple of eight are
// overwritten.
inline float exponentials(float* scores, std::size_t n, float* largest) noexcept {
  const float lowest = -__builtin_huge_valf();
  *largest = lowest;
  if (n == 0) return 0.0f;
  const std::size_t whole = (n + 7) / 8 * 8;
  for (std::size_t j = n; j < whole; ++j) scores[j] = lowest;
  F32x8 m = broadcast(lowest);
  for (std::size_t j = 0; j < whole; j += 8) m = max(m, load(scores + j));
  *largest = max_of(m);
  F32x8 total = zero();
  for (std::size_t j = 0; j < whole; j += 8) {
    const F32x8 e = exp(load(scores + j) - broadcast(*largest));
    store(scores + j, e);
    total = total + e;
  }
  return sum(total);
}

// Adds n weighted vectors to T queries, dimensions d .. d + 8 V.
template <int T, int V>
LATHE_INLINE void add_values_at(const float* weights, const float* values, std::size_t n,
                                std::size_t dim, std::size_t d, float* out) noexcept {
  F32x8 sums[T][V];
  for (int t = 0; t < T; ++t) {
    for (int v = 0; v < V; ++v) sums[t][v] = load(out + t * dim + d + 8 * v);
  }
  for (std::size_t j = 0; j < n; ++j) {
    for (int t = 0; t < T; ++t) {
      const F32x8 weight = broadcast(weights[t * kAttentionPiece + j]);
      for (int v = 0; v < V; ++v) {
        sums[t][v] = fma(weight, load(values + j * dim + d + 8 * v), sums[t][v]);
      }
    }
  }
  for (int t = 0; t < T; ++t) {
    for (int v = 0; v < V; ++v) store(out + t * dim + d + 8 * v, sums[t][v]);
  }
}

template <int T, int V>
void add_values(const float* weights, const float* values, std::size_t n, std::size_t dim,
                float* out) noexcept {
  if (n == 0) return;
  std::size_t d = 0;
  for (; d + 8 * V <= dim; d += 8 * V) add_values_at<T, V>(weights, values, n, dim, d, out);
  for (; d < dim; d += 8) add_values_at<T, 1>(weights, values, n, dim, d, out);
}

// The block of values for all queries, four at a time as far as they see the same keys.
inline void add_block(const AttendArgs& a, const AttendScratch& s, std::size_t first) noexcept {
  const float* weights = s.scores + first;
  for (std::size_t i = 0; i < a.n_q;) {
    std::size_t shared = 0;
    const std::size_t n = a.n_q - i >= 4 ? 4 : 1;
    if (n == 4) {
      shared = kKeyBlock;
      for (std::size_t t = 0; t < 4; ++t) shared = lesser(shared, visible(a, i + t, first));
      add_values<4, 2>(weights + i * kAttentionPiece, s.block, shared, s.dim, s.out + i * s.dim);
    }
    for (std::size_t t = i; t < i + n; ++t) {
      add_values<1, 8>(weights + t * kAttentionPiece + shared, s.block + shared * s.dim,
                       visible(a, t, first) - shared, s.dim, s.out + t * s.dim);
    }
    i += n;
  }
}

inline void attend(const AttendArgs& a) noexcept {
  const AttendScratch s(a.scratch, a.n_q, a.head_dim);
  pad_rows(a.q, a.q_stride, a.n_q, a.head_dim, s.dim, s.q);
  score_keys(a, s);
  for (std::size_t i = 0; i < a.n_q; ++i) {
    const std::size_t n =
        lesser(a.n_visible[i] < 0 ? 0 : static_cast<std::size_t>(a.n_visible[i]), a.n_keys);
    a.sum[i] = exponentials(s.scores + i * kAttentionPiece, n, &a.max[i]);
  }
  std::memset(s.out, 0, a.n_q * s.dim * sizeof(float));
  for (std::size_t first = 0; first < a.n_keys; first += kKeyBlock) {
    const std::size_t n = lesser(kKeyBlock, a.n_keys - first);
    decode_block(a.v, a.v_stride, a.v_format, a.cells + first, n, a.head_dim, s);
    add_block(a, s, first);
  }
  for (std::size_t i = 0; i < a.n_q; ++i) {
    std::memcpy(a.out + i * a.out_stride, s.out + i * s.dim, a.head_dim * sizeof(float));
  }
}

inline void set_attend(KernelTable& table) noexcept {
  table.attend = attend;
  table.attend_scratch_bytes = attend_scratch_bytes;
}

}  // namespace
}  // namespace lathe
