// Products with few tokens straight from the blocks.
#include "kernels/avx512/fill.h"
#include "kernels/avx512/matvec_32.h"
#include "kernels/avx512/matvec_k.h"

namespace lathe {
namespace {

template <Format F, class RowDot>
void set_direct(KernelTable& table) noexcept {
  table.matmul[index_of(F)].matvec = matvec<F, RowDot>;
  table.matmul[index_of(F)].matvec_name = "avx512 direct";
}

template <Format... F>
void set_super_blocks(KernelTable& table) noexcept {
  (set_direct<F, SuperBlockDot<F>>(table), ...);
}

template <Format... F>
void set_small_blocks(KernelTable& table) noexcept {
  (set_direct<F, SmallBlockDot<F>>(table), ...);
}

}  // namespace

void fill_avx512_matvec(KernelTable& table) noexcept {
  set_super_blocks<Format::Q4_K, Format::Q5_K, Format::Q6_K, Format::Q3_K, Format::Q2_K,
                   Format::TQ2_0>(table);
  set_small_blocks<Format::Q8_0, Format::Q4_0, Format::Q4_1, Format::Q5_0, Format::Q5_1,
                   Format::IQ4_NL, Format::IQ4_XS, Format::MXFP4, Format::NVFP4>(table);
}

}  // namespace lathe
