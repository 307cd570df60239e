// The inner loops of int8 panels, one instance per kind of panel.
#include "kernels/avx512/fill.h"
#include "kernels/avx512/multiply_super.h"

namespace lathe {
namespace {

template <Format F>
constexpr Int8Panel kPanelOf = {format_info(F).group, format_info(F).has_min, format_info(F).act};

template <Format F>
void set_multiply(KernelTable& table) noexcept {
  if constexpr (format_info(F).group != 0) {
    MatmulKernels& m = table.matmul[index_of(F)];
    using Super = SuperPanel<F>;
    if constexpr (std::is_void_v<Super>) {
      m.multiply = multiply_int8<kPanelOf<F>>;
    } else {
      m.multiply = multiply_super<Super>;
    }
    m.panel_name = "avx512 int8 panel";
  }
}

}  // namespace

void fill_avx512_multiply(KernelTable& table) noexcept {
#define LATHE_FORMAT(id, name, gguf_id, elems, bytes, act, group, has_min) \
  set_multiply<Format::id>(table);
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
}

}  // namespace lathe
