#include "kernels/lanes/convert.h"

#include "kernels/neon/parts.h"

namespace lathe {

void fill_neon_convert(KernelTable& table) noexcept { set_convert(table); }

}  // namespace lathe
