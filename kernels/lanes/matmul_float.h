// Matrix products of F32, F16 and BF16 weights in float32 with fused multiply-adds. Activations are
// float32, or bfloat16 widened on the way.
//
// A panel is up to 32 rows as two strips of 16, float32 [column][16]: a lane is a row. A token's
// sum runs over the columns in order, one fma each, whatever the tile.
#pragma once

#include "kernels/activation.h"
#include "kernels/kernel_table.h"
#include "kernels/lanes/dot.h"
#include "kernels/lanes/floats.h"
#include "kernels/lanes/prefetch.h"

namespace lathe {
namespace {

constexpr std::size_t kFloatStripRows = 16;
constexpr std::size_t kFloatStrips = 2;
constexpr std::size_t kFloatPanelRows = kFloatStripRows * kFloatStrips;
constexpr std::size_t kFloatTokens = 6;
constexpr std::size_t kWidenColumns = 256;  // columns of bfloat16 activations widened at a time

// ---- few tokens, on the rows as they lie

// Token t of T: its row starts at a + t * a_stride, its result goes to y[t * y_stride].
template <Format W, Format A, int T>
void dot_floats(const typename FloatElem<W>::Type* w, const typename FloatElem<A>::Type* a,
                std::size_t a_stride, std::size_t n, float* y, std::size_t y_stride) noexcept {
  using We = FloatElem<W>;
  using Ae = FloatElem<A>;
  F32x8 s[T][4];
  for (auto& token : s) token[0] = token[1] = token[2] = token[3] = zero();
  std::size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    prefetch(w + i, 32 * sizeof *w);
    unroll<4>([&](auto k) LATHE_LAMBDA_INLINE {
      constexpr int kK = decltype(k)::value;
      const F32x8 v = We::load_8(w + i + 8 * kK);
      unroll<T>([&](auto t) LATHE_LAMBDA_INLINE {
        constexpr int kT = decltype(t)::value;
        s[kT][kK] = fma(v, Ae::load_8(a + kT * a_stride + i + 8 * kK), s[kT][kK]);
      });
    });
  }
  for (; i + 8 <= n; i += 8) {
    const F32x8 v = We::load_8(w + i);
    for (int t = 0; t < T; ++t) s[t][0] = fma(v, Ae::load_8(a + t * a_stride + i), s[t][0]);
  }
  for (int t = 0; t < T; ++t) {
    float tail = 0.0f;
    for (std::size_t j = i; j < n; ++j) {
      tail = __builtin_fmaf(We::load_1(w + j), Ae::load_1(a + t * a_stride + j), tail);
    }
    y[t * y_stride] = sum((s[t][0] + s[t][1]) + (s[t][2] + s[t][3])) + tail;
  }
}

template <Format W, Format A>
void matvec_floats(const void* w, std::size_t row_stride, std::size_t n_rows, std::size_t n_cols,
                   const void* act, std::size_t act_stride, std::size_t n_tokens, float* y,
                   std::size_t y_stride) noexcept {
  using WType = typename FloatElem<W>::Type;
  using AType = typename FloatElem<A>::Type;
  const auto* a = static_cast<const AType*>(act);
  const std::size_t a_stride = act_stride / sizeof(AType);
  for (std::size_t r = 0; r < n_rows; ++r) {
    const auto* row =
        reinterpret_cast<const WType*>(static_cast<const std::uint8_t*>(w) + r * row_stride);
    std::size_t t = 0;
    for (; t + 2 <= n_tokens; t += 2) {
      dot_floats<W, A, 2>(row, a + t * a_stride, a_stride, n_cols, y + t * y_stride + r, y_stride);
    }
    if (t < n_tokens) {
      dot_floats<W, A, 1>(row, a + t * a_stride, a_stride, n_cols, y + t * y_stride + r, y_stride);
    }
  }
}

// ---- panels

inline std::size_t panel_bytes_floats(std::size_t n_cols) noexcept {
  return kFloatPanelRows * n_cols * sizeof(float);
}

// Eight rows of a strip, from `rows` on; missing ones repeat the last.
template <Format W>
void pack_eight(const void* w, std::size_t row_stride, std::size_t first, std::size_t n_rows,
                std::size_t n_cols, float* out) noexcept {
  using E = FloatElem<W>;
  const typename E::Type* rows[8];
  for (std::size_t r = 0; r < 8; ++r) {
    const auto* row =
        static_cast<const std::uint8_t*>(w) + lesser(first + r, n_rows - 1) * row_stride;
    rows[r] = reinterpret_cast<const typename E::Type*>(row);
  }
  std::size_t c = 0;
  for (; c + 8 <= n_cols; c += 8) {
    F32x8 x[8];
    for (std::size_t r = 0; r < 8; ++r) x[r] = E::load_8(rows[r] + c);
    transpose(x);
    for (std::size_t k = 0; k < 8; ++k) store(out + (c + k) * kFloatStripRows, x[k]);
  }
  for (; c < n_cols; ++c) {
    for (std::size_t r = 0; r < 8; ++r) out[c * kFloatStripRows + r] = E::load_1(rows[r] + c);
  }
}

template <Format W>
void pack_floats(const void* w, std::size_t row_stride, std::size_t n_rows, std::size_t n_cols,
                 void* panel) noexcept {
  auto* strip = static_cast<float*>(panel);
  for (std::size_t r = 0; r < n_rows; r += kFloatStripRows, strip += kFloatStripRows * n_cols) {
    pack_eight<W>(w, row_stride, r, n_rows, n_cols, strip);
    pack_eight<W>(w, row_stride, r + 8, n_rows, n_cols, strip + 8);
  }
}

struct FloatSums {
  F32x8 s[2];  // 16 rows
};

// Adds n columns of a strip times T tokens, a_stride floats apart.
template <int T>
void multiply_columns(const float* strip, std::size_t n, const float* a, std::size_t a_stride,
                      FloatSums* total) noexcept {
  FloatSums sums[T];
  for (int t = 0; t < T; ++t) sums[t] = total[t];
  for (std::size_t c = 0; c < n; ++c, strip += kFloatStripRows) {
    const F32x8 w0 = load(strip);
    const F32x8 w1 = load(strip + 8);
    unroll<T>([&](auto t) LATHE_LAMBDA_INLINE {
      constexpr int kT = decltype(t)::value;
      const F32x8 x = broadcast(a[kT * a_stride + c]);
      sums[kT].s[0] = fma(w0, x, sums[kT].s[0]);
      sums[kT].s[1] = fma(w1, x, sums[kT].s[1]);
    });
  }
  for (int t = 0; t < T; ++t) total[t] = sums[t];
}

using ColumnsFn = void (*)(const float*, std::size_t, const float*, std::size_t,
                           FloatSums*) noexcept;
constexpr ColumnsFn kMultiplyColumns[kFloatTokens] = {multiply_columns<1>, multiply_columns<2>,
                                                      multiply_columns<3>, multiply_columns<4>,
                                                      multiply_columns<5>, multiply_columns<6>};

// n <= kFloatTokens tokens times the strips of a panel.
struct FloatTile {
  const float* panel;
  std::size_t n_strips, n_cols, n_tokens;
  FloatSums sums[kFloatStrips][kFloatTokens];

  LATHE_INLINE void clear() noexcept {
    for (auto& strip : sums) {
      for (FloatSums& s : strip) s = {{zero(), zero()}};
    }
  }
  // Columns first .. first + n; `a` is theirs.
  LATHE_INLINE void add(std::size_t first, std::size_t n, const float* a,
                        std::size_t a_stride) noexcept {
    for (std::size_t s = 0; s < n_strips; ++s) {
      const float* strip = panel + (s * n_cols + first) * kFloatStripRows;
      kMultiplyColumns[n_tokens - 1](strip, n, a, a_stride, sums[s]);
    }
  }
  LATHE_INLINE void write(std::size_t n_rows, float* out, std::size_t out_stride) const noexcept {
    for (std::size_t t = 0; t < n_tokens; ++t) {
      for (std::size_t r = 0; r < n_rows; r += 8) {
        float rows[8];
        store(rows, sums[r / 16][t].s[r / 8 % 2]);
        const std::size_t n = lesser<std::size_t>(8, n_rows - r);
        std::memcpy(out + t * out_stride + r, rows, n * sizeof(float));
      }
    }
  }
};

template <Format A>
void add_tokens(FloatTile& tile, const std::uint8_t* act, std::size_t act_stride) noexcept {
  if constexpr (A == Format::F32) {
    tile.add(0, tile.n_cols, reinterpret_cast<const float*>(act), act_stride / sizeof(float));
  } else {
    float wide[kFloatTokens * kWidenColumns];
    for (std::size_t c = 0; c < tile.n_cols; c += kWidenColumns) {
      const std::size_t n = lesser(kWidenColumns, tile.n_cols - c);
      for (std::size_t t = 0; t < tile.n_tokens; ++t) {
        decode_floats<A>(act + t * act_stride + c * 2, n, wide + t * kWidenColumns);
      }
      tile.add(c, n, wide, kWidenColumns);
    }
  }
}

template <Format A>
void multiply_floats(const void* panel, std::size_t n_rows, std::size_t n_cols, const void* act,
                     std::size_t act_stride, std::size_t n_tokens, float* out,
                     std::size_t out_stride) noexcept {
  FloatTile tile;
  tile.panel = static_cast<const float*>(panel);
  tile.n_strips = (n_rows + kFloatStripRows - 1) / kFloatStripRows;
  tile.n_cols = n_cols;
  for (std::size_t t = 0; t < n_tokens; t += kFloatTokens) {
    tile.n_tokens = lesser(kFloatTokens, n_tokens - t);
    tile.clear();
    add_tokens<A>(tile, static_cast<const std::uint8_t*>(act) + t * act_stride, act_stride);
    tile.write(n_rows, out + t * out_stride, out_stride);
  }
}

template <Format W, Format A>
void set_matmul_float(KernelTable& table) noexcept {
  table.matmul[index_of(W)] = {matvec_floats<W, A>, pack_floats<W>,  multiply_floats<A>,
                               panel_bytes_floats,  kFloatPanelRows, kDirectName,
                               kF32PanelName};
}

inline void set_all_matmul_float(KernelTable& table) noexcept {
  set_matmul_float<Format::F32, Format::F32>(table);
  set_matmul_float<Format::F16, Format::F32>(table);
  set_matmul_float<Format::BF16, Format::BF16>(table);
}

}  // namespace
}  // namespace lathe
