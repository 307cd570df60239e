// NEON with the dot product instructions (sdot): the products of the integer formats.
#include "kernels/neon/probe.h"
#include "kernels/neon_dotprod/parts.h"

namespace lathe {

void fill_neon_dotprod(KernelTable& table) noexcept {
  table.tier = "neon_dotprod";
  table.probe_int8 = probe_int8;
  fill_neon_dotprod_panel_int8(table);
  fill_neon_dotprod_matvec_int8(table);
}

}  // namespace lathe
