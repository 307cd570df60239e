// The AVX2 tier (AVX2, FMA, F16C, BMI2): kernels/lanes/ in the vocabulary of words.h and dot.h.
#include "kernels/avx2/parts.h"

namespace lathe {

void fill_avx2(KernelTable& table) noexcept {
  table.tier = "avx2";
  fill_avx2_convert(table);
  fill_avx2_panel_int8(table);
  fill_avx2_matvec_int8(table);
  fill_avx2_matmul_float(table);
  fill_avx2_steps(table);
  fill_avx2_attend(table);
}

}  // namespace lathe
