// The AVX-512 tier (F, BW, VL, DQ, VNNI).
#include "kernels/avx512/fill.h"

namespace lathe {

void fill_avx512(KernelTable& table) noexcept {
  fill_avx512_unpacked(table);
  fill_avx512_multiply(table);
  fill_avx512_matvec(table);
  fill_avx512_grid(table);
  fill_avx512_float(table);
  fill_avx512_convert(table);
  fill_avx512_ops(table);
  fill_avx512_attend(table);
  fill_avx512_probes(table);
}

}  // namespace lathe
