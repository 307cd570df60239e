// NEON with the int8 matrix product (smmla): panels, where tokens come in pairs. A single token
// gains nothing from it over sdot.
#include "kernels/neon/probe.h"
#include "kernels/neon_i8mm/parts.h"

namespace lathe {

void fill_neon_i8mm(KernelTable& table) noexcept {
  table.tier = "neon_i8mm";
  table.probe_int8 = probe_int8;
  fill_neon_i8mm_panel_int8(table);
}

}  // namespace lathe
