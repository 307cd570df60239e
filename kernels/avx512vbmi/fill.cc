// The tier of AVX-512 with VBMI (Intel since Ice Lake, AMD since Zen 4): look-ups in code
// books by bytes.
#include "kernels/avx512vbmi/fill.h"

namespace lathe {

void fill_avx512vbmi(KernelTable& table) noexcept { fill_avx512vbmi_matvec(table); }

}  // namespace lathe
