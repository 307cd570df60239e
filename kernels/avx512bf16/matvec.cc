// BF16 weights times one token with vdpbf16ps: no widening of either.
#include "kernels/avx512/common.h"
#include "kernels/avx512bf16/fill.h"

namespace lathe {
namespace {

constexpr size_t kRows = 4;              // rows that share a load of the activations
constexpr size_t kPrefetchAhead = 1024;  // bytes, in each row

inline __m512bh load_pairs(const uint16_t* p) noexcept {
  return reinterpret_cast<__m512bh>(_mm512_loadu_si512(p));
}
inline __m512bh load_pairs(const uint16_t* p, __mmask32 elements) noexcept {
  return reinterpret_cast<__m512bh>(_mm512_maskz_loadu_epi16(elements, p));
}

template <size_t R>
inline void dot_rows(const uint8_t* w, size_t row_stride, size_t n, const uint16_t* x,
                     float* y) noexcept {
  const uint16_t* row[R];
  __m512 sum[R];
  for (size_t r = 0; r < R; ++r) {
    row[r] = reinterpret_cast<const uint16_t*>(w + r * row_stride);
    sum[r] = _mm512_setzero_ps();
  }
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m512bh a = load_pairs(x + i);
#pragma GCC unroll 4
    for (size_t r = 0; r < R; ++r) {
      _mm_prefetch(reinterpret_cast<const char*>(row[r] + i) + kPrefetchAhead, _MM_HINT_T0);
      sum[r] = _mm512_dpbf16_ps(sum[r], load_pairs(row[r] + i), a);
    }
  }
  if (i < n) {
    const __mmask32 rest = (__mmask32{1} << (n - i)) - 1;
    const __m512bh a = load_pairs(x + i, rest);
    for (size_t r = 0; r < R; ++r)
      sum[r] = _mm512_dpbf16_ps(sum[r], load_pairs(row[r] + i, rest), a);
  }
  for (size_t r = 0; r < R; ++r) y[r] = _mm512_reduce_add_ps(sum[r]);
}

void matvec_bf16(const void* w, size_t row_stride, size_t n_rows, size_t n_cols, const void* act,
                 float* y) noexcept {
  const auto* rows = static_cast<const uint8_t*>(w);
  const auto* x = static_cast<const uint16_t*>(act);
  size_t r = 0;
  for (; r + kRows <= n_rows; r += kRows) {
    dot_rows<kRows>(rows + r * row_stride, row_stride, n_cols, x, y + r);
  }
  for (; r < n_rows; ++r) dot_rows<1>(rows + r * row_stride, row_stride, n_cols, x, y + r);
}

}  // namespace

void fill_avx512bf16_matvec(KernelTable& table) noexcept {
  MatmulKernels& m = table.matmul[index_of(Format::BF16)];
  m.matvec = matvec_bf16;
  m.matvec_name = "avx512bf16 direct";
}

}  // namespace lathe
