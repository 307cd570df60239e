// F32, F16 and BF16: decode, matvec on the rows as they lie, float32 panels.
#include "kernels/avx512/fill.h"
#include "kernels/avx512/panel_f32.h"

namespace lathe {
namespace {

constexpr size_t kRows = 4;         // rows that share a load of the activations
constexpr size_t kPrefetch = 1024;  // bytes ahead in each row

// Dot products of R rows of weights W with a token of format X (F32 or BF16).
template <Format W, Format X, size_t R>
inline void dot_rows(const uint8_t* w, size_t row_stride, size_t n, const void* x,
                     float* y) noexcept {
  constexpr size_t kElemBytes = format_info(W).block_bytes;
  __m512 a[R], b[R];
  for (size_t r = 0; r < R; ++r) a[r] = b[r] = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m512 x0 = load_floats<X>(x, i), x1 = load_floats<X>(x, i + 16);
#pragma GCC unroll 4
    for (size_t r = 0; r < R; ++r) {
      const uint8_t* row = w + r * row_stride;
      _mm_prefetch(reinterpret_cast<const char*>(row + i * kElemBytes + kPrefetch), _MM_HINT_T0);
      a[r] = _mm512_fmadd_ps(load_floats<W>(row, i), x0, a[r]);
      b[r] = _mm512_fmadd_ps(load_floats<W>(row, i + 16), x1, b[r]);
    }
  }
  for (; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    const __m512 x0 = load_floats<X>(x, i, lanes);
    for (size_t r = 0; r < R; ++r) {
      a[r] = _mm512_fmadd_ps(load_floats<W>(w + r * row_stride, i, lanes), x0, a[r]);
    }
  }
  for (size_t r = 0; r < R; ++r) y[r] = _mm512_reduce_add_ps(_mm512_add_ps(a[r], b[r]));
}

template <Format W, Format X>
void matvec_floats(const void* w, size_t row_stride, size_t n_rows, size_t n_cols, const void* act,
                   float* y) noexcept {
  const auto* row = static_cast<const uint8_t*>(w);
  size_t r = 0;
  for (; r + kRows <= n_rows; r += kRows) {
    dot_rows<W, X, kRows>(row + r * row_stride, row_stride, n_cols, act, y + r);
  }
  for (; r < n_rows; ++r) dot_rows<W, X, 1>(row + r * row_stride, row_stride, n_cols, act, y + r);
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
