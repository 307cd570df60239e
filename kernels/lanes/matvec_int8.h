// One token times the blocks of an integer format as they lie: 32 codes at a time are expanded in
// registers, multiplied with the activation codes and scaled. Lanes run along the columns.
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

// One block; `act` its first activation code. Adds scale * dot to the sums.
template <Format F>
LATHE_INLINE void add_dots(const Block<F>& b, const std::int8_t* unpacked, const float* scales,
                           const std::int8_t* act, TwoSums& sums) noexcept {
  unroll<format_info(F).block_elems / 32>([&](auto j) LATHE_LAMBDA_INLINE {
    constexpr int kJ = decltype(j)::value;
    const I32x8 dot =
        dot_32<(CodeReader<F>::kLow < 0)>(codes_at<F, kJ>(b, unpacked), act + 32 * kJ);
    sums.s[kJ % 2] = fma(to_f32(dot), scale_at<F, kJ>(scales), sums.s[kJ % 2]);
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

// Super-blocks of 256 with one activation scale each.
template <Format F>
float dot_row_256(const Block<F>* blocks, std::size_t n_blocks, const ActRow& act) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  alignas(64) std::int8_t unpacked[CodeReader<F>::kVector ? 1 : 256];
  F32x8 total = zero();
  for (std::size_t i = 0; i < n_blocks; ++i) {
    alignas(32) float scales[16], mins[16];
    prefetch(blocks + i, sizeof(Block<F>));
    read_block<F>(blocks[i], unpacked, scales, mins);
    TwoSums sums;
    add_dots<F>(blocks[i], unpacked, scales, act.codes + 256 * i, sums);
    if constexpr (kInfo.has_min && kInfo.group == 32) {
      sums.s[0] = fma(load(mins), load(act.sums32 + 8 * i), sums.s[0]);
    } else if constexpr (kInfo.has_min) {
      sums.s[0] = fma(load(mins), load(act.sums16 + 16 * i), sums.s[0]);
      sums.s[1] = fma(load(mins + 8), load(act.sums16 + 16 * i + 8), sums.s[1]);
    }
    total = fma(sums.s[0] + sums.s[1], broadcast(act.scales[i]), total);
  }
  return sum(total);
}

// Block i with activation scales per 32 columns.
template <Format F>
LATHE_INLINE void add_block_32(const Block<F>& b, std::size_t i, const ActRow& act, TwoSums& sums,
                               F32x8& first, float& min_sum) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  constexpr int kGroups = kInfo.block_elems / kInfo.group;
  constexpr std::size_t kPieces = kInfo.block_elems / 32;
  alignas(64) std::int8_t unpacked[CodeReader<F>::kVector ? 1 : kInfo.block_elems];
  float scales[kGroups], mins[kGroups];
  read_block<F>(b, unpacked, scales, mins);
  const float* act_scales = act.scales + i * kPieces;
  for (int g = 0; g < kGroups; ++g) scales[g] *= act_scales[g * static_cast<int>(kInfo.group) / 32];
  if constexpr (kInfo.has_min) {
    min_sum = __builtin_fmaf(mins[0] * act_scales[0], act.sums32[i], min_sum);
  }
  if constexpr (kPieces == 1) {
    const I32x8 dot =
        dot_32<(CodeReader<F>::kLow < 0)>(codes_at<F, 0>(b, unpacked), act.codes + 32 * i);
    first = fma(to_f32(dot), scale_at<F, 0>(scales), first);
  } else {
    add_dots<F>(b, unpacked, scales, act.codes + kInfo.block_elems * i, sums);
  }
}

template <Format F>
float dot_row_32(const Block<F>* blocks, std::size_t n_blocks, const ActRow& act) noexcept {
  TwoSums sums;
  float min_sum = 0.0f;
  std::size_t i = 0;
  for (; i + 2 <= n_blocks; i += 2) {
    prefetch(blocks + i, 2 * sizeof(Block<F>));
    add_block_32<F>(blocks[i], i, act, sums, sums.s[0], min_sum);
    add_block_32<F>(blocks[i + 1], i + 1, act, sums, sums.s[1], min_sum);
  }
  if (i < n_blocks) add_block_32<F>(blocks[i], i, act, sums, sums.s[0], min_sum);
  return sums.total() + min_sum;
}

template <Format F>
void matvec_int8(const void* w, std::size_t row_stride, std::size_t n_rows, std::size_t n_cols,
                 const void* act, float* y) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  const ActRow token(act, act_layout(kInfo.act, n_cols));
  const std::size_t n_blocks = n_cols / kInfo.block_elems;
  for (std::size_t r = 0; r < n_rows; ++r) {
    const auto* row = static_cast<const std::uint8_t*>(w) + r * row_stride;
    const auto* blocks = reinterpret_cast<const Block<F>*>(row);
    if constexpr (kInfo.act == ActKind::kQ8x256) {
      y[r] = dot_row_256<F>(blocks, n_blocks, token);
    } else {
      y[r] = dot_row_32<F>(blocks, n_blocks, token);
    }
  }
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
