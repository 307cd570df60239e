#include "kernels/scalar/parts.h"

namespace lathe {

void fill_scalar(KernelTable& table) noexcept { fill_scalar_formats(table); }

}  // namespace lathe
