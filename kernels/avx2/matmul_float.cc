#include "kernels/lanes/matmul_float.h"

#include "kernels/avx2/parts.h"

namespace lathe {

void fill_avx2_matmul_float(KernelTable& table) noexcept { set_all_matmul_float(table); }

}  // namespace lathe
