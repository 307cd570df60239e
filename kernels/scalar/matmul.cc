// Matrix products of every format, from its unpacked form: the complete set that the other tiers
// override, and the plain statement of what they compute.
//
// Integer formats: within a chunk of columns that share one activation scale, each group
// contributes
//   weight scale * (integer dot of codes) + weight minimum * (sum of activation codes).
// A panel holds the unpacked rows one after the other, so matvec and panels give the same bits.
#include "kernels/scalar/decode.h"
#include "kernels/scalar/parts.h"

namespace lathe {
namespace {

constexpr std::size_t kPanelRows = 8;

// ---- integer formats -------------------------------------------------------------------------

// Where the parts of one unpacked row lie in a panel.
template <Format F>
struct RowLayout {
  std::size_t scales, mins, bytes;

  explicit RowLayout(std::size_t n) noexcept {
    constexpr FormatInfo kInfo = format_info(F);
    const std::size_t part = round_up_64(n / kInfo.group * sizeof(float));
    scales = round_up_64(n);
    mins = scales + part;
    bytes = kInfo.has_min ? mins + part : mins;
  }
};

template <std::size_t N>
inline int dot_codes(const std::int8_t* a, const std::int8_t* b) noexcept {
  int sum = 0;
  for (std::size_t i = 0; i < N; ++i) sum += a[i] * b[i];
  return sum;
}

// Sum over n columns from the unpacked parts of a row and of a token, both from column `first`, a
// multiple of the activations' scale_elems.
template <Format F>
inline float dot_unpacked(const std::int8_t* codes, const float* scales, const float* mins,
                          const ActRow& act, std::size_t first, std::size_t n, float sum) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  constexpr std::size_t kChunk = kInfo.act == ActKind::kQ8x32 ? 32 : 256;
  constexpr std::size_t kGroups = kChunk / kInfo.group;
  const float* act_sums = kInfo.group == 16 ? act.sums16 : act.sums32;
  for (std::size_t c = 0; c < n / kChunk; ++c) {
    float chunk = 0.0f;
    for (std::size_t g = c * kGroups; g < (c + 1) * kGroups; ++g) {
      const std::int8_t* a = act.codes + first + g * kInfo.group;
      const int dot = dot_codes<kInfo.group>(codes + g * kInfo.group, a);
      chunk += scales[g] * static_cast<float>(dot);
      if constexpr (kInfo.has_min) chunk += mins[g] * act_sums[first / kInfo.group + g];
    }
    sum += act.scales[first / kChunk + c] * chunk;
  }
  return sum;
}

template <Format F>
void matvec(const void* w, std::size_t row_stride, std::size_t n_rows, std::size_t n_cols,
            const void* act, std::size_t act_stride, std::size_t n_tokens, float* y,
            std::size_t y_stride) noexcept {
  constexpr FormatInfo kInfo = format_info(F);
  constexpr std::size_t kGroups = kInfo.block_elems / kInfo.group;
  const ActLayout act_parts = act_layout(kInfo.act, n_cols);
  std::int8_t codes[kInfo.block_elems];
  float scales[kGroups], mins[kGroups];
  for (std::size_t r = 0; r < n_rows; ++r) {
    const auto* row = static_cast<const std::uint8_t*>(w) + r * row_stride;
    const auto* blocks = reinterpret_cast<const typename BlockOf<F>::Type*>(row);
    for (std::size_t t = 0; t < n_tokens; ++t) y[t * y_stride + r] = 0.0f;
    for (std::size_t i = 0; i < n_cols / kInfo.block_elems; ++i) {
      unpack_block(blocks[i], codes, scales, mins);
      for (std::size_t t = 0; t < n_tokens; ++t) {
        const ActRow token(static_cast<const std::uint8_t*>(act) + t * act_stride, act_parts);
        float& sum = y[t * y_stride + r];
        sum = dot_unpacked<F>(codes, scales, mins, token, i * kInfo.block_elems, kInfo.block_elems,
                              sum);
      }
    }
  }
}

template <Format F>
std::size_t panel_bytes(std::size_t n_cols) noexcept {
  return kPanelRows * RowLayout<F>(n_cols).bytes;
}

template <Format F>
void pack(const void* w, std::size_t row_stride, std::size_t n_rows, std::size_t n_cols,
          void* panel) noexcept {
  const RowLayout<F> layout(n_cols);
  for (std::size_t r = 0; r < n_rows; ++r) {
    auto* row = static_cast<std::uint8_t*>(panel) + r * layout.bytes;
    unpack_row<F>(static_cast<const std::uint8_t*>(w) + r * row_stride, n_cols,
                  reinterpret_cast<std::int8_t*>(row),
                  reinterpret_cast<float*>(row + layout.scales),
                  reinterpret_cast<float*>(row + layout.mins));
  }
}

template <Format F>
void multiply(const void* panel, std::size_t n_rows, std::size_t n_cols, const void* act,
              std::size_t act_stride, std::size_t n_tokens, float* out,
              std::size_t out_stride) noexcept {
  const RowLayout<F> layout(n_cols);
  const ActLayout act_parts = act_layout(format_info(F).act, n_cols);
  for (std::size_t t = 0; t < n_tokens; ++t) {
    const ActRow token(static_cast<const std::uint8_t*>(act) + t * act_stride, act_parts);
    for (std::size_t r = 0; r < n_rows; ++r) {
      const auto* row = static_cast<const std::uint8_t*>(panel) + r * layout.bytes;
      out[t * out_stride + r] =
          dot_unpacked<F>(reinterpret_cast<const std::int8_t*>(row),
                          reinterpret_cast<const float*>(row + layout.scales),
                          reinterpret_cast<const float*>(row + layout.mins), token, 0, n_cols, 0);
    }
  }
}

// ---- float formats: weights of type W, activations of type A; panels hold float32 ------------

template <typename W, typename A>
void matvec_floats(const void* w, std::size_t row_stride, std::size_t n_rows, std::size_t n_cols,
                   const void* act, std::size_t act_stride, std::size_t n_tokens, float* y,
                   std::size_t y_stride) noexcept {
  for (std::size_t r = 0; r < n_rows; ++r) {
    const auto* row = static_cast<const std::uint8_t*>(w) + r * row_stride;
    for (std::size_t t = 0; t < n_tokens; ++t) {
      const auto* token = static_cast<const std::uint8_t*>(act) + t * act_stride;
      y[t * y_stride + r] =
          dot_floats(reinterpret_cast<const W*>(row), reinterpret_cast<const A*>(token), n_cols);
    }
  }
}

std::size_t panel_bytes_floats(std::size_t n_cols) noexcept {
  return kPanelRows * round_up_64(n_cols * sizeof(float));
}

template <typename W>
void pack_floats(const void* w, std::size_t row_stride, std::size_t n_rows, std::size_t n_cols,
                 void* panel) noexcept {
  const std::size_t stride = round_up_64(n_cols * sizeof(float));
  for (std::size_t r = 0; r < n_rows; ++r) {
    decode_floats<W>(static_cast<const std::uint8_t*>(w) + r * row_stride, n_cols,
                     reinterpret_cast<float*>(static_cast<std::uint8_t*>(panel) + r * stride));
  }
}

template <typename A>
void multiply_floats(const void* panel, std::size_t n_rows, std::size_t n_cols, const void* act,
                     std::size_t act_stride, std::size_t n_tokens, float* out,
                     std::size_t out_stride) noexcept {
  const std::size_t stride = round_up_64(n_cols * sizeof(float));
  for (std::size_t t = 0; t < n_tokens; ++t) {
    const auto* token = static_cast<const std::uint8_t*>(act) + t * act_stride;
    for (std::size_t r = 0; r < n_rows; ++r) {
      const auto* row = static_cast<const std::uint8_t*>(panel) + r * stride;
      out[t * out_stride + r] = dot_floats(reinterpret_cast<const float*>(row),
                                           reinterpret_cast<const A*>(token), n_cols);
    }
  }
}

template <typename W, typename A>
constexpr MatmulKernels float_kernels() noexcept {
  return {matvec_floats<W, A>, pack_floats<W>,  multiply_floats<A>, panel_bytes_floats,
          kPanelRows,          "scalar direct", "scalar decoded"};
}

template <Format F>
constexpr MatmulKernels kernels_of() noexcept {
  if constexpr (F == Format::F32) {
    return float_kernels<float, float>();
  } else if constexpr (F == Format::F16) {
    return float_kernels<BlockF16, float>();
  } else if constexpr (F == Format::BF16) {
    return float_kernels<BlockBF16, BlockBF16>();
  } else {
    return {matvec<F>,  pack<F>,         multiply<F>,      panel_bytes<F>,
            kPanelRows, "scalar direct", "scalar unpacked"};
  }
}

}  // namespace

void fill_scalar_matmul(KernelTable& table) noexcept {
#define LATHE_FORMAT(id, ...) table.matmul[index_of(Format::id)] = kernels_of<Format::id>();
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
}

}  // namespace lathe
