#include "kernels/lanes/matmul_float.h"

#include "kernels/neon/parts.h"

namespace lathe {

void fill_neon_matmul_float(KernelTable& table) noexcept { set_all_matmul_float(table); }

}  // namespace lathe
