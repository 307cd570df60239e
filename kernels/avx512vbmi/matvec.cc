// Products with few tokens straight from the blocks of the i-quants with code books.
#include "kernels/avx512vbmi/code_books.h"
// before what reads blocks by it:
#include "kernels/avx512/matvec_grid.h"
#include "kernels/avx512vbmi/fill.h"

namespace lathe {

void fill_avx512vbmi_matvec(KernelTable& table) noexcept { set_grids(table, "avx512vbmi direct"); }

}  // namespace lathe
