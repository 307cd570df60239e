// Products with few tokens straight from the blocks of the i-quants with code books.
#include "kernels/avx512vbmi/fill.h"
#include "kernels/avx512vbmi/matvec_grid.h"

namespace lathe {
namespace {

template <Format... F>
void set_grids(KernelTable& table) noexcept {
  ((table.matmul[index_of(F)].matvec = matvec<F, SuperBlockDot<F>>,
    table.matmul[index_of(F)].matvec_name = "avx512vbmi direct"),
   ...);
}

}  // namespace

void fill_avx512vbmi_matvec(KernelTable& table) noexcept {
  set_grids<Format::IQ2_XXS, Format::IQ2_XS, Format::IQ2_S, Format::IQ3_XXS, Format::IQ3_S>(table);
}

}  // namespace lathe
