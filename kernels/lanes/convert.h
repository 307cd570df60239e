// Decoding to float32, direct encoding and the conversion of activation rows
// (kernels/activation.h). All of them give the scalar tier's bytes.
#pragma once

#include "kernels/activation.h"
#include "kernels/kernel_table.h"
#include "kernels/lanes/codes.h"
#include "kernels/lanes/floats.h"

namespace lathe {
namespace {

// scale * code + minimum, each step rounded, is the value that the format defines.
template <Format F>
void decode_blocks(const void* blocks, std::size_t n, float* out) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  constexpr std::size_t kGroups = kInfo.block_elems / kInfo.group;
  const auto* b = static_cast<const Block<F>*>(blocks);
  alignas(64) std::int8_t codes[kInfo.block_elems];
  float scales[kGroups], mins[kGroups];
  for (std::size_t i = 0; i < n / kInfo.block_elems; ++i, out += kInfo.block_elems) {
    unpack_one<F>(b[i], codes, scales, mins);
    for (std::size_t g = 0; g < kGroups; ++g) {
      const F32x8 scale = broadcast(scales[g]);
      for (std::size_t e = g * kInfo.group; e < (g + 1) * kInfo.group; e += 8) {
        F32x8 x = scale * load_codes(codes + e);
        if constexpr (kInfo.has_min) x = x + broadcast(mins[g]);
        store(out + e, x);
      }
    }
  }
}

// ---- int8 with a common scale

template <int N>
LATHE_INLINE float largest_magnitude(const float* x) noexcept {
  F32x8 m[4] = {zero(), zero(), zero(), zero()};
  for (int i = 0; i < N; i += 32) {
    for (int k = 0; k < 4; ++k) m[k] = max(m[k], abs(load(x + i + 8 * k)));
  }
  return max_of(max(max(m[0], m[1]), max(m[2], m[3])));
}

LATHE_INLINE U8x32 round_32(const float* x, F32x8 inverse) noexcept {
  return narrow(round_to_int(load(x) * inverse), round_to_int(load(x + 8) * inverse),
                round_to_int(load(x + 16) * inverse), round_to_int(load(x + 24) * inverse));
}

struct CommonScale {
  float scale, inverse;

  // activation.h: where the quotient could overflow, the block counts as zero.
  LATHE_INLINE explicit CommonScale(float largest) noexcept {
    const bool zero_block = largest < 0x1p-120f;
    inverse = zero_block ? 0.0f : 127.0f / largest;
    scale = zero_block ? 0.0f : largest / 127.0f;
  }
};

template <ActKind K>
void to_int8(const float* x, std::size_t n, void* row) noexcept {
  constexpr int kElems = K == ActKind::kQ8x32 ? 32 : 256;
  const ActLayout layout = act_layout(K, n);
  auto* p = static_cast<std::uint8_t*>(row);
  auto* scales = reinterpret_cast<float*>(p + layout.scales);
  auto* sums16 = reinterpret_cast<float*>(p + layout.sums16);
  auto* sums32 = reinterpret_cast<float*>(p + layout.sums32);
  auto* bias16 = reinterpret_cast<std::int32_t*>(p + layout.bias16);
  auto* bias32 = reinterpret_cast<std::int32_t*>(p + layout.bias32);
  auto* words16 = reinterpret_cast<std::int16_t*>(p + layout.words16);
  for (std::size_t b = 0; b < n / kElems; ++b) {
    const CommonScale common(largest_magnitude<kElems>(x + b * kElems));
    scales[b] = common.scale;
    for (std::size_t g = b * kElems / 32; g < (b + 1) * kElems / 32; ++g) {
      const U8x32 codes = round_32(x + 32 * g, broadcast(common.inverse));
      store_bytes(p + 32 * g, codes);
      std::int32_t low, high;
      sums_of_16(codes, &low, &high);
      sums16[2 * g] = static_cast<float>(low);
      sums16[2 * g + 1] = static_cast<float>(high);
      sums32[g] = static_cast<float>(low + high);
      bias16[2 * g] = -128 * low;
      bias16[2 * g + 1] = -128 * high;
      bias32[g] = -128 * (low + high);
      words16[2 * g] = static_cast<std::int16_t>(low);
      words16[2 * g + 1] = static_cast<std::int16_t>(high);
    }
  }
}

inline void encode_q8_0(const float* x, std::size_t n, void* blocks) noexcept {
  auto* b = static_cast<BlockQ8_0*>(blocks);
  for (std::size_t i = 0; i < n / 32; ++i) {
    const CommonScale common(largest_magnitude<32>(x + 32 * i));
    b[i].d = f16_from_f32(common.scale);
    store_bytes(b[i].qs, round_32(x + 32 * i, broadcast(common.inverse)));
  }
}

template <Format F>
void set_decode(KernelTable& table) noexcept {
  constexpr std::size_t kF = index_of(F);
  if constexpr (format_info(F).group == 0) {
    table.decode[kF] = decode_floats<F>;
    table.encode[kF] = encode_floats<F>;
  } else {
    table.decode[kF] = decode_blocks<F>;
    table.unpack[kF] = unpack<F>;
  }
}

inline void set_convert(KernelTable& table) noexcept {
#define LATHE_FORMAT(id, ...) set_decode<Format::id>(table);
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
  table.encode[index_of(Format::Q8_0)] = encode_q8_0;
  table.quantize_act[static_cast<int>(ActKind::kF32)] = encode_floats<Format::F32>;
  table.quantize_act[static_cast<int>(ActKind::kBF16)] = encode_floats<Format::BF16>;
  table.quantize_act[static_cast<int>(ActKind::kQ8x32)] = to_int8<ActKind::kQ8x32>;
  table.quantize_act[static_cast<int>(ActKind::kQ8x256)] = to_int8<ActKind::kQ8x256>;
}

}  // namespace
}  // namespace lathe
