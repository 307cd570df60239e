// Decode, unpack and direct encoding of every format that has them.
#include "kernels/scalar/decode.h"
#include "kernels/scalar/parts.h"
#include "kernels/scalar/round.h"

namespace lathe {
namespace {

void encode_f32(const float* x, std::size_t n, void* blocks) noexcept {
  std::memcpy(blocks, x, n * sizeof(float));
}

void encode_f16(const float* x, std::size_t n, void* blocks) noexcept {
  auto* out = static_cast<std::uint16_t*>(blocks);
  for (std::size_t i = 0; i < n; ++i) out[i] = f16_from_f32(x[i]);
}

void encode_bf16(const float* x, std::size_t n, void* blocks) noexcept {
  auto* out = static_cast<std::uint16_t*>(blocks);
  for (std::size_t i = 0; i < n; ++i) out[i] = bf16_from_f32(x[i]);
}

void encode_q8_0(const float* x, std::size_t n, void* blocks) noexcept {
  auto* b = static_cast<BlockQ8_0*>(blocks);
  for (std::size_t i = 0; i < n / 32; ++i) {
    b[i].d = f16_from_f32(round_to_int8<32>(x + 32 * i, b[i].qs));
  }
}

template <Format F>
void set(KernelTable& table) noexcept {
  constexpr std::size_t i = index_of(F);
  table.decode[i] = decode_row<F>;
  if constexpr (format_info(F).group != 0) table.unpack[i] = unpack_row<F>;
}

}  // namespace

void fill_scalar_formats(KernelTable& table) noexcept {
#define LATHE_FORMAT(id, ...) set<Format::id>(table);
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
  table.encode[index_of(Format::F32)] = encode_f32;
  table.encode[index_of(Format::F16)] = encode_f16;
  table.encode[index_of(Format::BF16)] = encode_bf16;
  table.encode[index_of(Format::Q8_0)] = encode_q8_0;
}

}  // namespace lathe
