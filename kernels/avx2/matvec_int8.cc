#include "kernels/lanes/matvec_int8.h"

#include "kernels/avx2/parts.h"

namespace lathe {

void fill_avx2_matvec_int8(KernelTable& table) noexcept { set_matvecs_int8(table); }

}  // namespace lathe
