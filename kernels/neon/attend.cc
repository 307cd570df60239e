#include "kernels/lanes/attend.h"

#include "kernels/neon/parts.h"

namespace lathe {

void fill_neon_attend(KernelTable& table) noexcept { set_attend(table); }

}  // namespace lathe
