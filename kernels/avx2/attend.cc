#include "kernels/lanes/attend.h"

#include "kernels/avx2/parts.h"

namespace lathe {

void fill_avx2_attend(KernelTable& table) noexcept { set_attend(table); }

}  // namespace lathe
