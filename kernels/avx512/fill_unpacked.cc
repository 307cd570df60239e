// What every integer format gets from its unpacking: unpack, decode, matvec, pack.
#include "kernels/avx512/fill.h"
#include "kernels/avx512/matvec_unpacked.h"
#include "kernels/avx512/panel_super.h"

namespace lathe {
namespace {

template <Format F>
void unpack_entry(const void* blocks, size_t n, int8_t* codes, float* scales,
                  float* mins) noexcept {
  unpack<F>(blocks, n, codes, scales, mins);
}

template <Format F>
void set_unpacked(KernelTable& table) noexcept {
  if constexpr (format_info(F).group != 0) {
    table.unpack[index_of(F)] = unpack_entry<F>;
    table.decode[index_of(F)] = decode<F>;
    MatmulKernels& m = table.matmul[index_of(F)];
    m.matvec = matvec<F, UnpackedDot<F>>;
    m.matvec_name = "avx512 unpacked";
    using Super = SuperPanel<F>;
    if constexpr (std::is_void_v<Super>) {
      m.pack = pack_int8<F>;
      m.panel_bytes = panel_bytes<F>;
    } else {
      m.pack = pack_super<F, Super>;
      m.panel_bytes = super_panel_bytes<Super>;
    }
    m.panel_rows = kPanelRows;
  }
}

}  // namespace

void fill_avx512_unpacked(KernelTable& table) noexcept {
#define LATHE_FORMAT(id, name, gguf_id, elems, bytes, act, group, has_min) \
  set_unpacked<Format::id>(table);
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
}

}  // namespace lathe
