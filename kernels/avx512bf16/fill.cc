// The tier of AVX-512 with BF16. Where the CPU's bfloat16 dot product is slower than two fused
// multiply-adds (measured on Sapphire Rapids: 16 against 32 multiply-accumulates per cycle), the
// float panels of AVX-512 are the better kernels; the probe shows which.
#include "kernels/avx512bf16/fill.h"

namespace lathe {

void fill_avx512bf16(KernelTable& table) noexcept { fill_avx512bf16_probes(table); }

}  // namespace lathe
