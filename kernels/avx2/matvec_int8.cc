#include "kernels/lanes/matvec_int8.h"

#include "kernels/avx2/matvec_k.h"
#include "kernels/avx2/parts.h"

namespace lathe {
namespace {

template <Format... F>
void set_integer_scales(KernelTable& table) noexcept {
  ((table.matmul[index_of(F)].matvec = matvec_int8<F, KRowDot<F>>), ...);
}

}  // namespace

void fill_avx2_matvec_int8(KernelTable& table) noexcept {
  set_matvecs_int8(table);
  set_integer_scales<Format::Q2_K, Format::Q3_K, Format::Q4_K, Format::Q5_K, Format::Q6_K,
                     Format::IQ4_XS>(table);
}

}  // namespace lathe
