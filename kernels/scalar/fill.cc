#include "kernels/scalar/parts.h"

namespace lathe {

void fill_scalar(KernelTable& table) noexcept {
  fill_scalar_formats(table);
  fill_scalar_cache_blocks(table);
  fill_scalar_activation(table);
  fill_scalar_matmul(table);
  fill_scalar_vector_ops(table);
  fill_scalar_attend(table);
  fill_scalar_probes(table);
}

}  // namespace lathe
