// What the products of rows with few tokens share: where rows and tokens lie, the loops over them,
// the prefetch.
//
// A tile is four blocks of weights, unpacked once in registers: of four rows for one token, which
// share the work on its activations; four in succession of one row for 2 to 8 tokens. The
// operations of a row and a token are the same in the same order in every tile: n tokens at once
// give the bits of one at a time.
#pragma once

#include "kernels/avx512/common.h"

namespace lathe {
namespace {

// Rows of a tile of T tokens.
template <size_t T>
constexpr size_t kTileRows = T == 1 ? 4 : 1;

constexpr size_t kPrefetchAhead = 4 * 1024;  // bytes

struct Rows {
  const uint8_t* first;
  size_t stride;   // bytes
  size_t n_valid;  // of a tile's; the last one stands in for those that are missing

  template <class Block>
  const Block* blocks(size_t r, size_t i) const noexcept {
    const uint8_t* row = first + min_of(r, n_valid - 1) * stride;
    return reinterpret_cast<const Block*>(row) + i;
  }
  // For the use of `bytes` bytes at `offset` of each of R rows: as much of what lies kPrefetchAhead
  // further on, in the order in which tiles come. The hardware's own prefetch follows too closely
  // for loops that compute much per line. Into L2: into L1 it was up to half slower (Zen 4). Past
  // the end it does nothing.
  template <size_t R>
  void prefetch(size_t offset, size_t bytes) const noexcept {
    const size_t from = (R == 1 ? 0 : R * stride) + R * offset;
    const auto ahead = reinterpret_cast<std::uintptr_t>(first) + from + kPrefetchAhead;
    for (size_t at = 0; at < R * bytes; at += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(ahead + at), _MM_HINT_T1);
    }
  }
};

// Converted rows of tokens (kernels/activation.h).
struct Tokens {
  const uint8_t* row;
  size_t stride;  // bytes
  ActLayout layout;

  Tokens from(size_t t) const noexcept { return {row + t * stride, stride, layout}; }
  const int8_t* codes(size_t t, size_t column) const noexcept {
    return reinterpret_cast<const int8_t*>(row + t * stride) + column;
  }
  const float* scales(size_t t) const noexcept { return floats(t, layout.scales); }
  const float* sums32(size_t t) const noexcept { return floats(t, layout.sums32); }
  // The 16 sums of 256 columns.
  __m256i words16(size_t t, size_t column) const noexcept {
    const uint8_t* p = row + t * stride + layout.words16 + column / 8;
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
  }
  ActRow parts(size_t t) const noexcept { return ActRow(row + t * stride, layout); }

 private:
  const float* floats(size_t t, size_t part) const noexcept {
    return reinterpret_cast<const float*>(row + t * stride + part);
  }
};

// Where results go: row r and token t at y[t * stride + r].
struct Results {
  float* y;
  size_t stride;

  Results from(size_t r, size_t t) const noexcept { return {y + t * stride + r, stride}; }
  float& at(size_t r, size_t t) const noexcept { return y[t * stride + r]; }
};

// Calls f.operator()<R, T>(first row, first token) over tiles of 8, 4, 2, 1 tokens and as many
// rows, four at most, as leave kSums sums to a tile; the last rows come one by one.
template <size_t kSums, class F>
inline void for_row_tiles(size_t n_rows, size_t n_tokens, F f) noexcept {
  for_token_tiles<8>(n_tokens, [&]<size_t T>(size_t t) noexcept {
    constexpr size_t kRows = min_of(kSums / T, size_t{4});
    size_t r = 0;
    for (; r + kRows <= n_rows; r += kRows) f.template operator()<kRows, T>(r, t);
    for (; r < n_rows; ++r) f.template operator()<1, T>(r, t);
  });
}

// The first n rows of a tile.
template <size_t R, size_t T>
inline void store_sums(const __m512 sum[R][T], size_t n, const Results& out) noexcept {
  for (size_t r = 0; r < min_of(R, n); ++r) {
#pragma GCC unroll 8
    for (size_t t = 0; t < T; ++t) out.at(r, t) = _mm512_reduce_add_ps(sum[r][t]);
  }
}

// MatvecFn of TileDot, a struct with
//   static void dot<T>(const Rows&, size_t n_cols, const Tokens&, const Results&)
// for a tile of kTileRows<T> rows and T tokens.
template <Format F, class TileDot>
void matvec(const void* w, size_t row_stride, size_t n_rows, size_t n_cols, const void* act,
            size_t act_stride, size_t n_tokens, float* y, size_t y_stride) noexcept {
  const Tokens tokens = {static_cast<const uint8_t*>(act), act_stride,
                         act_layout(format_info(F).act, n_cols)};
  const Results out = {y, y_stride};
  for (size_t first = 0; first < n_rows; first += 4) {  // in cache for all of their tokens
    const size_t end = min_of(first + 4, n_rows);
    for_token_tiles<8>(n_tokens, [&]<size_t T>(size_t t) noexcept {
      for (size_t r = first; r < end; r += kTileRows<T>) {
        const Rows rows = {static_cast<const uint8_t*>(w) + r * row_stride, row_stride, end - r};
        TileDot::template dot<T>(rows, n_cols, tokens.from(t), out.from(r, t));
      }
    });
  }
}

}  // namespace
}  // namespace lathe
