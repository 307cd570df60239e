// F32, F16 and BF16: decode, matvec on the rows as they lie, float32 panels.
#include "kernels/avx512/fill.h"
#include "kernels/avx512/matvec.h"
#include "kernels/avx512/panel_f32.h"

namespace lathe {
namespace {

constexpr size_t kSums = 8;         // pairs of sums that rows and tokens share
constexpr size_t kPrefetch = 1024;  // bytes ahead in each row

// Dot products of R rows of weights W with T tokens of format X (F32 or BF16); out.y is row 0's.
template <Format W, Format X, size_t R, size_t T>
inline void dot_rows(const uint8_t* w, size_t row_stride, size_t n, const Tokens& x,
                     const Results& out) noexcept {
  constexpr size_t kElemBytes = format_info(W).block_bytes;
  __m512 a[R][T], b[R][T];
  for (size_t r = 0; r < R; ++r) {
    for (size_t t = 0; t < T; ++t) a[r][t] = b[r][t] = _mm512_setzero_ps();
  }
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
#pragma GCC unroll 4
    for (size_t r = 0; r < R; ++r) {
      const uint8_t* row = w + r * row_stride;
      _mm_prefetch(reinterpret_cast<const char*>(row + i * kElemBytes + kPrefetch), _MM_HINT_T0);
      const __m512 w0 = load_floats<W>(row, i), w1 = load_floats<W>(row, i + 16);
#pragma GCC unroll 8
      for (size_t t = 0; t < T; ++t) {
        a[r][t] = _mm512_fmadd_ps(w0, load_floats<X>(x.codes(t, 0), i), a[r][t]);
        b[r][t] = _mm512_fmadd_ps(w1, load_floats<X>(x.codes(t, 0), i + 16), b[r][t]);
      }
    }
  }
  for (; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    for (size_t r = 0; r < R; ++r) {
      const __m512 w0 = load_floats<W>(w + r * row_stride, i, lanes);
      for (size_t t = 0; t < T; ++t) {
        a[r][t] = _mm512_fmadd_ps(w0, load_floats<X>(x.codes(t, 0), i, lanes), a[r][t]);
      }
    }
  }
  for (size_t r = 0; r < R; ++r) {
    for (size_t t = 0; t < T; ++t) {
      out.at(r, t) = _mm512_reduce_add_ps(_mm512_add_ps(a[r][t], b[r][t]));
    }
  }
}

// Few rows where there are many tokens: all sums stay in registers.
template <Format W, Format X>
void matvec_floats(const void* w, size_t row_stride, size_t n_rows, size_t n_cols, const void* act,
                   size_t act_stride, size_t n_tokens, float* y, size_t y_stride) noexcept {
  const Tokens tokens = {static_cast<const uint8_t*>(act), act_stride, {}};
  const auto* const rows = static_cast<const uint8_t*>(w);
  for_row_tiles<kSums>(n_rows, n_tokens, [&]<size_t R, size_t T>(size_t r, size_t t) noexcept {
    dot_rows<W, X, R, T>(rows + r * row_stride, row_stride, n_cols, tokens.from(t),
                         {y + t * y_stride + r, y_stride});
  });
}

template <Format W, Format X>
void set_floats(KernelTable& table) noexcept {
  table.decode[index_of(W)] = decode_floats<W>;
  table.matmul[index_of(W)] = {matvec_floats<W, X>, pack_f32<W>, multiply_f32<format_info(W).act>,
                               panel_bytes_f32,     32,          "avx512 direct",
                               "avx512 f32 panel"};
}

}  // namespace

void fill_avx512_float(KernelTable& table) noexcept {
  set_floats<Format::F32, Format::F32>(table);
  set_floats<Format::F16, Format::F32>(table);
  set_floats<Format::BF16, Format::BF16>(table);
}

}  // namespace lathe
