#include "kernels/lanes/convert.h"

#include "kernels/avx2/parts.h"

namespace lathe {

void fill_avx2_convert(KernelTable& table) noexcept { set_convert(table); }

}  // namespace lathe
