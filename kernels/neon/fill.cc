// The NEON tier (ARMv8.0): kernels/lanes/ in the vocabulary of words.h and dot.h.
#include "kernels/neon/parts.h"

namespace lathe {

void fill_neon(KernelTable& table) noexcept {
  table.tier = "neon";
  fill_neon_convert(table);
  fill_neon_panel_int8(table);
  fill_neon_matvec_int8(table);
  fill_neon_matmul_float(table);
  fill_neon_steps(table);
  fill_neon_attend(table);
}

}  // namespace lathe
