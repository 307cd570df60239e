// BF16 weights times few tokens with vdpbf16ps: no widening of either.
#include "kernels/avx512/matvec.h"
#include "kernels/avx512bf16/fill.h"

namespace lathe {
namespace {

constexpr size_t kSums = 8;            // that rows and tokens share
constexpr size_t kPrefetchRow = 1024;  // bytes ahead in each row

inline __m512bh load_pairs(const uint16_t* p) noexcept {
  return reinterpret_cast<__m512bh>(_mm512_loadu_si512(p));
}
inline __m512bh load_pairs(const uint16_t* p, __mmask32 elements) noexcept {
  return reinterpret_cast<__m512bh>(_mm512_maskz_loadu_epi16(elements, p));
}

template <size_t R, size_t T>
inline void dot_rows(const uint8_t* w, size_t row_stride, size_t n, const Tokens& tokens,
                     const Results& out) noexcept {
  const uint16_t* row[R];
  const uint16_t* x[T];
  __m512 sum[R][T];
  for (size_t t = 0; t < T; ++t) x[t] = reinterpret_cast<const uint16_t*>(tokens.codes(t, 0));
  for (size_t r = 0; r < R; ++r) {
    row[r] = reinterpret_cast<const uint16_t*>(w + r * row_stride);
    for (size_t t = 0; t < T; ++t) sum[r][t] = _mm512_setzero_ps();
  }
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
#pragma GCC unroll 4
    for (size_t r = 0; r < R; ++r) {
      _mm_prefetch(reinterpret_cast<const char*>(row[r] + i) + kPrefetchRow, _MM_HINT_T0);
      const __m512bh v = load_pairs(row[r] + i);
#pragma GCC unroll 8
      for (size_t t = 0; t < T; ++t) {
        sum[r][t] = _mm512_dpbf16_ps(sum[r][t], v, load_pairs(x[t] + i));
      }
    }
  }
  if (i < n) {
    const __mmask32 rest = (__mmask32{1} << (n - i)) - 1;
    for (size_t r = 0; r < R; ++r) {
      const __m512bh v = load_pairs(row[r] + i, rest);
      for (size_t t = 0; t < T; ++t) {
        sum[r][t] = _mm512_dpbf16_ps(sum[r][t], v, load_pairs(x[t] + i, rest));
      }
    }
  }
  for (size_t r = 0; r < R; ++r) {
    for (size_t t = 0; t < T; ++t) out.at(r, t) = _mm512_reduce_add_ps(sum[r][t]);
  }
}

void matvec_bf16(const void* w, size_t row_stride, size_t n_rows, size_t n_cols, const void* act,
                 size_t act_stride, size_t n_tokens, float* y, size_t y_stride) noexcept {
  const Tokens tokens = {static_cast<const uint8_t*>(act), act_stride, {}};
  const auto* const rows = static_cast<const uint8_t*>(w);
  for_row_tiles<kSums>(n_rows, n_tokens, [&]<size_t R, size_t T>(size_t r, size_t t) noexcept {
    dot_rows<R, T>(rows + r * row_stride, row_stride, n_cols, tokens.from(t),
                   {y + t * y_stride + r, y_stride});
  });
}

}  // namespace

void fill_avx512bf16_matvec(KernelTable& table) noexcept {
  MatmulKernels& m = table.matmul[index_of(Format::BF16)];
  m.matvec = matvec_bf16;
  m.matvec_name = "avx512bf16 direct";
}

}  // namespace lathe
