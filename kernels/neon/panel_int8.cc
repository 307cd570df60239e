#include "kernels/lanes/panel_int8.h"

#include "kernels/neon/parts.h"

namespace lathe {

void fill_neon_panel_int8(KernelTable& table) noexcept { set_panels_int8(table); }

}  // namespace lathe
