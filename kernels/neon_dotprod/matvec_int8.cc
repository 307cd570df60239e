#include "kernels/lanes/matvec_int8.h"

#include "kernels/neon_dotprod/parts.h"

namespace lathe {

void fill_neon_dotprod_matvec_int8(KernelTable& table) noexcept { set_matvecs_int8(table); }

}  // namespace lathe
