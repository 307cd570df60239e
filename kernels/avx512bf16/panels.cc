// The bfloat16 panel: 32 weight rows, a lane per row; columns 2 p and 2 p + 1 are uint16[32][2] at
// byte 128 p. Two activations of a token are broadcast to all lanes, as in the int8 panel
// (kernels/avx512/panel_int8.h). A last odd column has a zero beside it.
#include "kernels/avx512/common.h"
#include "kernels/avx512bf16/fill.h"

namespace lathe {
namespace {

size_t panel_bytes(size_t n_cols) noexcept { return (n_cols + 1) / 2 * 128; }

void pack(const void* w, size_t row_stride, size_t n_rows, size_t n_cols, void* panel) noexcept {
  auto* out = static_cast<uint8_t*>(panel);
  for (size_t c = 0; c < n_cols; c += 32) {
    const size_t width = min_of(32, n_cols - c), pairs = (width + 1) / 2;
    const auto elements = static_cast<__mmask32>((uint64_t{1} << width) - 1);
    for (size_t half = 0; half < 32; half += 16) {
      __m512i v[16];
      for (size_t i = 0; i < 16; ++i) {
        const auto* row = static_cast<const uint8_t*>(w) + (half + i) * row_stride + 2 * c;
        v[i] = half + i < n_rows ? _mm512_maskz_loadu_epi16(elements, row) : _mm512_setzero_si512();
      }
      transpose_16x16(v);
      for (size_t p = 0; p < pairs; ++p) _mm512_storeu_si512(out + 128 * p + 4 * half, v[p]);
    }
    out += 128 * pairs;
  }
}

struct Tokens {
  const uint8_t* row;
  size_t stride;
};

template <size_t T>
inline void add_pair(const uint8_t* panel, const __m512i x[T], __m512 acc[T][2]) noexcept {
  const auto w0 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel));
  const auto w1 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel + 64));
#pragma GCC unroll 8
  for (size_t t = 0; t < T; ++t) {
    acc[t][0] = _mm512_dpbf16_ps(acc[t][0], w0, reinterpret_cast<__m512bh>(x[t]));
    acc[t][1] = _mm512_dpbf16_ps(acc[t][1], w1, reinterpret_cast<__m512bh>(x[t]));
  }
}

template <size_t T>
[[gnu::noinline]] void multiply_tile(const uint8_t* panel, size_t n_rows, size_t n_cols, Tokens x,
                                     float* out, size_t out_stride) noexcept {
  __m512 acc[T][2];
  __m512i b[T];
#pragma GCC unroll 8
  for (size_t t = 0; t < T; ++t) acc[t][0] = acc[t][1] = _mm512_setzero_ps();
  for (size_t c = 0; c + 2 <= n_cols; c += 2) {
#pragma GCC unroll 8
    for (size_t t = 0; t < T; ++t) b[t] = broadcast4(x.row + t * x.stride + 2 * c);
    add_pair<T>(panel + 64 * c, b, acc);
  }
  if (n_cols % 2 != 0) {
    for (size_t t = 0; t < T; ++t) {
      b[t] = _mm512_set1_epi32(load_as<uint16_t>(x.row + t * x.stride + 2 * (n_cols - 1)));
    }
    add_pair<T>(panel + 64 * (n_cols - 1), b, acc);
  }
  const __mmask16 low = first_lanes(n_rows), high = first_lanes(n_rows > 16 ? n_rows - 16 : 0);
#pragma GCC unroll 8
  for (size_t t = 0; t < T; ++t) {
    _mm512_mask_storeu_ps(out + t * out_stride, low, acc[t][0]);
    _mm512_mask_storeu_ps(out + t * out_stride + 16, high, acc[t][1]);
  }
}

void multiply(const void* panel, size_t n_rows, size_t n_cols, const void* act, size_t act_stride,
              size_t n_tokens, float* out, size_t out_stride) noexcept {
  Tokens x = {static_cast<const uint8_t*>(act), act_stride};
  size_t left = n_tokens;
  const auto tile = [&]<size_t T>() noexcept {
    multiply_tile<T>(static_cast<const uint8_t*>(panel), n_rows, n_cols, x, out, out_stride);
    x.row += T * act_stride;
    out += T * out_stride;
    left -= T;
  };
  while (left >= 8) tile.template operator()<8>();
  if (left >= 4) tile.template operator()<4>();
  if (left >= 2) tile.template operator()<2>();
  if (left >= 1) tile.template operator()<1>();
}

}  // namespace

void fill_avx512bf16_panels(KernelTable& table) noexcept {
  MatmulKernels& m = table.matmul[index_of(Format::BF16)];
  m.pack = pack;
  m.multiply = multiply;
  m.panel_bytes = panel_bytes;
  m.panel_rows = 32;
  m.panel_name = "avx512bf16 panel";
}

}  // namespace lathe
