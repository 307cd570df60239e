// Direct matrix-vector products of the formats that generation meets most.
#include "kernels/avx512/fill.h"
#include "kernels/avx512/matvec_32.h"
#include "kernels/avx512/matvec_k16.h"

namespace lathe {
namespace {

template <Format F>
void matvec_direct(const void* w, size_t row_stride, size_t n_rows, size_t n_cols, const void* act,
                   float* y) noexcept {
  using Block = typename BlockOf<F>::Type;
  const ActRow x(act, act_layout(format_info(F).act, n_cols));
  for (size_t r = 0; r < n_rows; r += kMatvecRows) {
    const size_t n = min_of(kMatvecRows, n_rows - r);
    FourRows<Block> rows;
    rows.next = static_cast<const uint8_t*>(w) + (r + kMatvecRows) * row_stride;
    for (size_t i = 0; i < kMatvecRows; ++i) {  // a row again where there are less than four left
      const size_t row = r + min_of(i, n - 1);
      rows.row[i] =
          reinterpret_cast<const Block*>(static_cast<const uint8_t*>(w) + row * row_stride);
    }
    dot_four_rows(rows, n_cols, x, n, y + r);
  }
}

template <Format F>
void set_direct(KernelTable& table) noexcept {
  table.matmul[index_of(F)].matvec = matvec_direct<F>;
  table.matmul[index_of(F)].matvec_name = "avx512 direct";
}

}  // namespace

void fill_avx512_matvec(KernelTable& table) noexcept {
  set_direct<Format::Q4_K>(table);
  set_direct<Format::Q5_K>(table);
  set_direct<Format::Q6_K>(table);
  set_direct<Format::Q3_K>(table);
  set_direct<Format::Q2_K>(table);
  set_direct<Format::Q8_0>(table);
  set_direct<Format::Q4_0>(table);
  set_direct<Format::IQ4_NL>(table);
  set_direct<Format::IQ4_XS>(table);
}

}  // namespace lathe
