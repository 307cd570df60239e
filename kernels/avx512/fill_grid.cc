// Products with few tokens straight from the blocks of the i-quants with code books.
#include "kernels/avx512/code_books.h"
// before what reads blocks by it:
#include "kernels/avx512/fill.h"
#include "kernels/avx512/matvec_grid.h"

namespace lathe {

void fill_avx512_grid(KernelTable& table) noexcept { set_grids(table, "avx512 direct"); }

}  // namespace lathe
