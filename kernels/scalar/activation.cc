// Conversion of activation rows (kernels/activation.h).
#include "kernels/activation.h"

#include <cstring>

#include "kernels/scalar/parts.h"
#include "kernels/scalar/round.h"

namespace lathe {
namespace {

void copy_f32(const float* x, std::size_t n, void* row) noexcept {
  std::memcpy(row, x, n * sizeof(float));
}

void to_bf16(const float* x, std::size_t n, void* row) noexcept {
  auto* out = static_cast<std::uint16_t*>(row);
  for (std::size_t i = 0; i < n; ++i) out[i] = bf16_from_f32(x[i]);
}

int sum_of_16(const std::int8_t* codes) noexcept {
  int sum = 0;
  for (int i = 0; i < 16; ++i) sum += codes[i];
  return sum;
}

template <ActKind K>
void to_int8(const float* x, std::size_t n, void* row) noexcept {
  constexpr std::size_t kElems = K == ActKind::kQ8x32 ? 32 : 256;
  const ActLayout layout = act_layout(K, n);
  auto* p = static_cast<std::uint8_t*>(row);
  auto* codes = reinterpret_cast<std::int8_t*>(p);
  auto* scales = reinterpret_cast<float*>(p + layout.scales);
  auto* sums16 = reinterpret_cast<float*>(p + layout.sums16);
  auto* sums32 = reinterpret_cast<float*>(p + layout.sums32);
  auto* bias16 = reinterpret_cast<std::int32_t*>(p + layout.bias16);
  auto* bias32 = reinterpret_cast<std::int32_t*>(p + layout.bias32);
  auto* words16 = reinterpret_cast<std::int16_t*>(p + layout.words16);
  for (std::size_t i = 0; i < n / kElems; ++i) {
    scales[i] = round_to_int8<kElems>(x + i * kElems, codes + i * kElems);
  }
  for (std::size_t i = 0; i < n / 32; ++i) {
    const int low = sum_of_16(codes + 32 * i);
    const int high = sum_of_16(codes + 32 * i + 16);
    sums16[2 * i] = static_cast<float>(low);
    sums16[2 * i + 1] = static_cast<float>(high);
    sums32[i] = static_cast<float>(low + high);
    bias16[2 * i] = -128 * low;
    bias16[2 * i + 1] = -128 * high;
    bias32[i] = -128 * (low + high);
    words16[2 * i] = static_cast<std::int16_t>(low);
    words16[2 * i + 1] = static_cast<std::int16_t>(high);
  }
}

}  // namespace

void fill_scalar_activation(KernelTable& table) noexcept {
  table.quantize_act[static_cast<int>(ActKind::kF32)] = copy_f32;
  table.quantize_act[static_cast<int>(ActKind::kBF16)] = to_bf16;
  table.quantize_act[static_cast<int>(ActKind::kQ8x32)] = to_int8<ActKind::kQ8x32>;
  table.quantize_act[static_cast<int>(ActKind::kQ8x256)] = to_int8<ActKind::kQ8x256>;
}

}  // namespace lathe
