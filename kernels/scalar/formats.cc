// Decode and unpack of every format: loops over the blocks of unpack.h.
#include <cstring>

#include "kernels/scalar/parts.h"
#include "kernels/scalar/unpack.h"

namespace lathe {
namespace {

void decode_f32(const void* blocks, std::size_t n, float* out) noexcept {
  std::memcpy(out, blocks, n * sizeof(float));
}

void decode_f16(const void* blocks, std::size_t n, float* out) noexcept {
  const auto* x = static_cast<const std::uint16_t*>(blocks);
  for (std::size_t i = 0; i < n; ++i) out[i] = f32_from_f16(x[i]);
}

void decode_bf16(const void* blocks, std::size_t n, float* out) noexcept {
  const auto* x = static_cast<const std::uint16_t*>(blocks);
  for (std::size_t i = 0; i < n; ++i) out[i] = f32_from_bf16(x[i]);
}

template <Format F>
void unpack(const void* blocks, std::size_t n, std::int8_t* codes, float* scales,
            float* mins) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  constexpr std::size_t kGroups = kInfo.block_elems / kInfo.group;
  const auto* b = static_cast<const typename BlockOf<F>::Type*>(blocks);
  for (std::size_t i = 0; i < n / kInfo.block_elems; ++i) {
    unpack_block(b[i], codes + i * kInfo.block_elems, scales + i * kGroups,
                 kInfo.has_min ? mins + i * kGroups : nullptr);
  }
}

template <Format F>
void decode(const void* blocks, std::size_t n, float* out) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  constexpr std::size_t kGroups = kInfo.block_elems / kInfo.group;
  const auto* b = static_cast<const typename BlockOf<F>::Type*>(blocks);
  std::int8_t codes[kInfo.block_elems];
  float scales[kGroups], mins[kGroups];
  for (std::size_t i = 0; i < n / kInfo.block_elems; ++i, out += kInfo.block_elems) {
    unpack_block(b[i], codes, scales, mins);
    for (std::size_t e = 0; e < kInfo.block_elems; ++e) {
      const float value = scales[e / kInfo.group] * static_cast<float>(codes[e]);
      out[e] = kInfo.has_min ? value + mins[e / kInfo.group] : value;
    }
  }
}

template <Format F>
void set(KernelTable& table) noexcept {
  constexpr std::size_t i = index_of(F);
  if constexpr (F == Format::F32) {
    table.decode[i] = decode_f32;
  } else if constexpr (F == Format::F16) {
    table.decode[i] = decode_f16;
  } else if constexpr (F == Format::BF16) {
    table.decode[i] = decode_bf16;
  } else {
    table.decode[i] = decode<F>;
    table.unpack[i] = unpack<F>;
  }
}

}  // namespace

void fill_scalar_formats(KernelTable& table) noexcept {
#define LATHE_FORMAT(id, ...) set<Format::id>(table);
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
}

}  // namespace lathe
