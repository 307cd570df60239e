// Few tokens times the blocks of an integer format as they lie: 32 codes at a time are expanded in
// registers, multiplied with the activation codes of up to four tokens and scaled. Lanes run along
// the columns. A token's operations are the same for any number of tokens.
//
// Formats without a register expansion (CodeReader::kVector) unpack a block on the stack first.
#pragma once

#include "kernels/activation.h"
#include "kernels/kernel_table.h"
#include "kernels/lanes/codes.h"
#include "kernels/lanes/dot.h"
#include "kernels/lanes/prefetch.h"

namespace lathe {
namespace {

// Sums of two streams, so that consecutive additions do not wait for each other.
struct TwoSums {
  F32x8 s[2] = {zero(), zero()};
  LATHE_INLINE float total() const noexcept { return sum(s[0] + s[1]); }
};

// Codes 32 J .. 32 J + 31 of block b.
template <Format F, int J>
LATHE_INLINE U8x32 codes_at(const Block<F>& b, const std::int8_t* unpacked) noexcept {
  if constexpr (CodeReader<F>::kVector) return CodeReader<F>::template codes<J>(b);
  return load_bytes(unpacked + 32 * J);
}

// Scale of the lanes of dot_32 for codes 32 J ..
template <Format F, int J>
LATHE_INLINE F32x8 scale_at(const float* scales) noexcept {
  if constexpr (format_info(F).group == 32) return broadcast(scales[J]);
  return halves(scales[2 * J], scales[2 * J + 1]);
}

// Tokens that share the codes of a block while they are in registers.
constexpr int kMostTokens = 4;

// One block; act[t] + first is the first activation code of token t. Adds scale * dot to its sums.
template <Format F, int T>
LATHE_INLINE void add_dots(const Block<F>& b, const std::int8_t* unpacked,
                           const float (*scales)[16], const ActRow* act, std::size_t first,
                           TwoSums* sums) noexcept {
  unroll<format_info(F).block_elems / 32>([&](auto j) LATHE_LAMBDA_INLINE {
    constexpr int kJ = decltype(j)::value;
    const U8x32 codes = codes_at<F, kJ>(b, unpacked);
    unroll<T>([&](auto t) LATHE_LAMBDA_INLINE {
      constexpr int kT = decltype(t)::value;
      constexpr int kScales = format_info(F).act == ActKind::kQ8x256 ? 0 : kT;
      const I32x8 dot = dot_32<(CodeReader<F>::kLow < 0)>(codes, act[kT].codes + first + 32 * kJ);
      sums[kT].s[kJ % 2] = fma(to_f32(dot), scale_at<F, kJ>(scales[kScales]), sums[kT].s[kJ % 2]);
    });
  });
}

template <Format F>
LATHE_INLINE void read_block(const Block<F>& b, std::int8_t* unpacked, float* scales,
                             float* mins) noexcept {
  if constexpr (CodeReader<F>::kVector) {
    CodeReader<F>::read_scales(b, scales, mins);
  } else {
    unpack_block(b, unpacked, scales, mins);
  }
}

// Super-blocks of 256 with one activation scale each; token t's result goes to y[t * y_stride].
template <Format F, int T>
void dot_row_256(const Block<F>* blocks, std::size_t n_blocks, const ActRow* act, float* y,
                 std::size_t y_stride) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  alignas(64) std::int8_t unpacked[CodeReader<F>::kVector ? 1 : 256];
  F32x8 total[T];
  for (F32x8& x : total) x = zero();
  for (std::size_t i = 0; i < n_blocks; ++i) {
    alignas(32) float scales[1][16], mins[16];
    prefetch(blocks + i, sizeof(Block<F>));
    read_block<F>(blocks[i], unpacked, scales[0], mins);
    TwoSums sums[T];
    add_dots<F, T>(blocks[i], unpacked, scales, act, 256 * i, sums);
    unroll<T>([&](auto t) LATHE_LAMBDA_INLINE {
      constexpr int kT = decltype(t)::value;
      TwoSums& s = sums[kT];
      if constexpr (kInfo.has_min && kInfo.group == 32) {
        s.s[0] = fma(load(mins), load(act[kT].sums32 + 8 * i), s.s[0]);
      } else if constexpr (kInfo.has_min) {
        s.s[0] = fma(load(mins), load(act[kT].sums16 + 16 * i), s.s[0]);
        s.s[1] = fma(load(mins + 8), load(act[kT].sums16 + 16 * i + 8), s.s[1]);
      }
      total[kT] = fma(s.s[0] + s.s[1], broadcast(act[kT].scales[i]), total[kT]);
    });
  }
  for (int t = 0; t < T; ++t) y[static_cast<std::size_t>(t) * y_stride] = sum(total[t]);
}

// Block i with activation scales per 32 columns; kSum: which of its two sums a single dot goes to.
template <Format F, int T, int kSum>
LATHE_INLINE void add_block_32(const Block<F>& b, std::size_t i, const ActRow* act, TwoSums* sums,
                               float* min_sum) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  constexpr int kGroups = kInfo.block_elems / kInfo.group;
  constexpr std::size_t kPieces = kInfo.block_elems / 32;
  alignas(64) std::int8_t unpacked[CodeReader<F>::kVector ? 1 : kInfo.block_elems];
  float weight_scales[kGroups], mins[kGroups], scales[T][16];
  read_block<F>(b, unpacked, weight_scales, mins);
  unroll<T>([&](auto t) LATHE_LAMBDA_INLINE {
    constexpr int kT = decltype(t)::value;
    const float* act_scales = act[kT].scales + i * kPieces;
    for (int g = 0; g < kGroups; ++g) {
      scales[kT][g] = weight_scales[g] * act_scales[g * static_cast<int>(kInfo.group) / 32];
    }
    if constexpr (kInfo.has_min) {
      min_sum[kT] = __builtin_fmaf(mins[0] * act_scales[0], act[kT].sums32[i], min_sum[kT]);
    }
  });
  if constexpr (kPieces == 1) {
    const U8x32 codes = codes_at<F, 0>(b, unpacked);
    unroll<T>([&](auto t) LATHE_LAMBDA_INLINE {
      constexpr int kT = decltype(t)::value;
      const I32x8 dot = dot_32<(CodeReader<F>::kLow < 0)>(codes, act[kT].codes + 32 * i);
      sums[kT].s[kSum] = fma(to_f32(dot), scale_at<F, 0>(scales[kT]), sums[kT].s[kSum]);
    });
  } else {
    add_dots<F, T>(b, unpacked, scales, act, kInfo.block_elems * i, sums);
  }
}

template <Format F, int T>
void dot_row_32(const Block<F>* blocks, std::size_t n_blocks, const ActRow* act, float* y,
                std::size_t y_stride) noexcept {
  TwoSums sums[T];
  float min_sum[T] = {};
  std::size_t i = 0;
  for (; i + 2 <= n_blocks; i += 2) {
    prefetch(blocks + i, 2 * sizeof(Block<F>));
    add_block_32<F, T, 0>(blocks[i], i, act, sums, min_sum);
    add_block_32<F, T, 1>(blocks[i + 1], i + 1, act, sums, min_sum);
  }
  if (i < n_blocks) add_block_32<F, T, 0>(blocks[i], i, act, sums, min_sum);
  for (int t = 0; t < T; ++t) {
    y[static_cast<std::size_t>(t) * y_stride] = sums[t].total() + min_sum[t];
  }
}

// Up to kMostTokens rows of activations.
template <int T>
struct TokenRows {
  ActRow act[T];

  LATHE_INLINE TokenRows(const std::uint8_t* row, std::size_t stride,
                         const ActLayout& layout) noexcept
      : TokenRows(row, stride, layout, std::make_integer_sequence<int, T>{}) {}

  template <int... I>
  LATHE_INLINE TokenRows(const std::uint8_t* row, std::size_t stride, const ActLayout& layout,
                         std::integer_sequence<int, I...>) noexcept
      : act{ActRow(row + I * stride, layout)...} {}
};

// How a row meets T tokens in any tier; a tier may have a faster way for a format.
template <Format F>
struct RowDot {
  template <int T>
  static void dot(const Block<F>* blocks, std::size_t n_blocks, const ActRow* act, float* y,
                  std::size_t y_stride) noexcept {
    if constexpr (format_info(F).act == ActKind::kQ8x256) {
      dot_row_256<F, T>(blocks, n_blocks, act, y, y_stride);
    } else {
      dot_row_32<F, T>(blocks, n_blocks, act, y, y_stride);
    }
  }
};

// All rows times T tokens.
template <Format F, class Dot, int T>
void rows_times_tokens(const std::uint8_t* w, std::size_t row_stride, std::size_t n_rows,
                       std::size_t n_cols, const std::uint8_t* act, std::size_t act_stride,
                       float* y, std::size_t y_stride) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  const TokenRows<T> tokens(act, act_stride, act_layout(kInfo.act, n_cols));
  for (std::size_t r = 0; r < n_rows; ++r) {
    const auto* blocks = reinterpret_cast<const Block<F>*>(w + r * row_stride);
    Dot::template dot<T>(blocks, n_cols / kInfo.block_elems, tokens.act, y + r, y_stride);
  }
}

template <Format F, class Dot = RowDot<F>>
void matvec_int8(const void* w, std::size_t row_stride, std::size_t n_rows, std::size_t n_cols,
                 const void* act, std::size_t act_stride, std::size_t n_tokens, float* y,
                 std::size_t y_stride) noexcept {
  const auto* rows = static_cast<const std::uint8_t*>(w);
  const auto* tokens = static_cast<const std::uint8_t*>(act);
  const auto tile = [&](auto n, std::size_t t) LATHE_LAMBDA_INLINE {
    rows_times_tokens<F, Dot, decltype(n)::value>(rows, row_stride, n_rows, n_cols,
                                                  tokens + t * act_stride, act_stride,
                                                  y + t * y_stride, y_stride);
  };
  std::size_t t = 0;
  for (; t + kMostTokens <= n_tokens; t += kMostTokens) tile(Int<kMostTokens>{}, t);
  for (; t + 2 <= n_tokens; t += 2) tile(Int<2>{}, t);
  if (t < n_tokens) tile(Int<1>{}, t);
}

template <Format F>
void set_matvec_int8(KernelTable& table) noexcept {
  if constexpr (format_info(F).group != 0) {
    MatmulKernels& m = table.matmul[index_of(F)];
    m.matvec = matvec_int8<F>;
    m.matvec_name = CodeReader<F>::kVector ? kDirectName : kUnpackedName;
  }
}

inline void set_matvecs_int8(KernelTable& table) noexcept {
#define LATHE_FORMAT(id, ...) set_matvec_int8<Format::id>(table);
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
}

}  // namespace
}  // namespace lathe
