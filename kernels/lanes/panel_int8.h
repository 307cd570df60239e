// Matrix products of the integer formats with many tokens (pack and multiply of kernel_table.h).
//
// A panel is up to kPanelRows rows as strips of eight; per strip and group of columns that share a
// scale:
//   codes   bytes [group / k][8 rows][k columns], plus PanelCodes::kOffset; k = PanelDot::kColumns
//   scales  float [8]
//   mins    float [8], if the format has them
// Each lane is a row, and four activation codes at a time meet all eight, so there are no
// horizontal sums. A token's sum over a chunk of columns with one activation scale is
//   chunk += scale * (dot + offset correction);  chunk += minimum * sum of activation codes
// and total += activation scale * chunk, in this order whatever the tile.
#pragma once

#include "kernels/activation.h"
#include "kernels/kernel_table.h"
#include "kernels/lanes/codes.h"
#include "kernels/lanes/dot.h"

namespace lathe {
namespace {

constexpr std::size_t kStripRows = 8;
constexpr std::size_t kPanelStrips = 4;
constexpr std::size_t kPanelRows = kStripRows * kPanelStrips;

// What the inner loop must know of a format; formats that agree share it.
template <std::size_t Group, bool HasMin, std::size_t Chunk, int Offset, class Dot>
struct PanelKind {
  static constexpr std::size_t kGroup = Group;
  static constexpr bool kHasMin = HasMin;
  static constexpr std::size_t kChunk = Chunk;  // columns that share an activation scale
  static constexpr int kOffset = Offset;
  using PanelDotType = Dot;
  static constexpr std::size_t kGroupBytes = kStripRows * (Group + (HasMin ? 8 : 4));

  static constexpr std::size_t strip_bytes(std::size_t n_cols) noexcept {
    return n_cols / Group * kGroupBytes;
  }
};

template <Format F>
struct PanelKindOf {
  static constexpr FormatInfo kInfo = format_info(F);
  using Codes = PanelCodes<CodeReader<F>::kLow, CodeReader<F>::kHigh>;
  static constexpr int kSteps = kInfo.group / 4;
  static constexpr int kRun = Codes::kRun < kSteps ? Codes::kRun : kSteps;
  using Type = PanelKind<kInfo.group, kInfo.has_min, kInfo.act == ActKind::kQ8x32 ? 32 : 256,
                         Codes::kOffset, PanelDot<kRun, Codes::kFull>>;
};

// ---- packing

// Up to 256 unpacked columns of the eight rows of a strip.
struct UnpackedStrip {
  alignas(64) std::int8_t codes[kStripRows][256];
  alignas(64) float scales[kStripRows][16];
  alignas(64) float mins[kStripRows][16];
};

// Columns 32 c .. 32 c + 31 of all rows to eight interleaved vectors of 32 bytes.
template <class Kind>
LATHE_INLINE void interleave_32(const UnpackedStrip& u, std::size_t c, F32x8* out) noexcept {
  alignas(32) std::uint8_t bytes[kStripRows][32];
  for (std::size_t r = 0; r < kStripRows; ++r) {
    U8x32 x = load_bytes(u.codes[r] + 32 * c);
    if constexpr (Kind::kOffset != 0) x = x - broadcast_byte(-Kind::kOffset);
    store_bytes(bytes[r], x);
  }
  if constexpr (Kind::PanelDotType::kColumns == 4) {
    for (std::size_t r = 0; r < kStripRows; ++r) out[r] = load_raw(bytes[r]);
    transpose(out);
  } else {
    alignas(32) std::uint8_t mixed[4][kStripRows][8];
    for (std::size_t r = 0; r < kStripRows; ++r) {
      for (std::size_t s = 0; s < 4; ++s) std::memcpy(mixed[s][r], bytes[r] + 8 * s, 8);
    }
    for (std::size_t s = 0; s < 8; ++s) out[s] = load_raw(mixed[s / 2][s % 2 * 4]);
  }
}

template <class Kind>
void pack_strip_chunk(const UnpackedStrip& u, std::size_t n, std::uint8_t* out) noexcept {
  constexpr std::size_t kGroup = Kind::kGroup;
  for (std::size_t c = 0; c < n / 32; ++c) {
    F32x8 x[8];
    interleave_32<Kind>(u, c, x);
    for (std::size_t s = 0; s < 8; ++s) {
      const std::size_t column = 4 * s;
      std::uint8_t* group = out + column / kGroup * Kind::kGroupBytes;
      store_raw(group + column % kGroup * kStripRows, x[s]);
    }
    for (std::size_t k = 0; k < 32 / kGroup; ++k, out += Kind::kGroupBytes) {
      const std::size_t g = c * (32 / kGroup) + k;
      float parts[2][kStripRows];
      for (std::size_t r = 0; r < kStripRows; ++r) {
        parts[0][r] = u.scales[r][g];
        if constexpr (Kind::kHasMin) parts[1][r] = u.mins[r][g];
      }
      std::memcpy(out + kStripRows * kGroup, parts, Kind::kHasMin ? sizeof parts : sizeof parts[0]);
    }
  }
}

// Rows that are missing in the last strip repeat the last row.
template <Format F>
void pack_int8(const void* w, std::size_t row_stride, std::size_t n_rows, std::size_t n_cols,
               void* panel) noexcept {
  using Kind = typename PanelKindOf<F>::Type;
  const auto* rows = static_cast<const std::uint8_t*>(w);
  UnpackedStrip u;
  for (std::size_t first = 0; first < n_rows; first += kStripRows) {
    auto* strip =
        static_cast<std::uint8_t*>(panel) + first / kStripRows * Kind::strip_bytes(n_cols);
    for (std::size_t col = 0; col < n_cols; col += 256) {
      const std::size_t n = lesser<std::size_t>(256, n_cols - col);
      for (std::size_t r = 0; r < kStripRows; ++r) {
        const std::uint8_t* row = rows + lesser(first + r, n_rows - 1) * row_stride;
        unpack<F>(row + row_bytes(F, col), n, u.codes[r], u.scales[r], u.mins[r]);
      }
      pack_strip_chunk<Kind>(u, n, strip + Kind::strip_bytes(col));
    }
  }
}

template <class Kind>
std::size_t panel_bytes_int8(std::size_t n_cols) noexcept {
  return round_up_64(kPanelStrips * Kind::strip_bytes(n_cols));
}

// ---- multiplying

// The converted rows of T tokens.
template <int T>
struct TokenTile {
  const std::int8_t* codes[T];
  const float* scales[T];
  const float* sums[T];
  const std::int32_t* bias[T];

  template <class Kind>
  LATHE_INLINE void set(const std::uint8_t* act, std::size_t stride, const ActLayout& l) noexcept {
    for (int t = 0; t < T; ++t) {
      const ActRow row(act + static_cast<std::size_t>(t) * stride, l);
      codes[t] = row.codes;
      scales[t] = row.scales;
      sums[t] = Kind::kGroup == 16 ? row.sums16 : row.sums32;
      bias[t] = Kind::kGroup == 16 ? row.bias16 : row.bias32;
    }
  }
};

// bias is -128 * sum of codes; weights stored with an offset need -offset * sum.
template <int Offset>
LATHE_INLINE I32x8 offset_correction(const std::int32_t* bias) noexcept {
  constexpr int kShift = Offset == 1    ? 7
                         : Offset == 2  ? 6
                         : Offset == 4  ? 5
                         : Offset == 8  ? 4
                         : Offset == 16 ? 3
                         : Offset == 32 ? 2
                                        : 1;
  static_assert(Offset << kShift == 128);
  return shift_right<kShift>(broadcast(*bias));
}

// Adds group g to the chunk sums of T tokens.
template <class Kind, int T>
LATHE_INLINE void multiply_group(const std::uint8_t* group, const TokenTile<T>& tokens,
                                 std::size_t g, F32x8* chunk) noexcept {
  using Dot = typename Kind::PanelDotType;
  constexpr int kUnit = Dot::kUnit;
  constexpr int kUnits = (T + kUnit - 1) / kUnit;
  typename Dot::Sum sum[kUnits];
  typename Dot::Tokens codes[kUnits];
  unroll<Kind::kGroup / Dot::kColumns>([&](auto s) LATHE_LAMBDA_INLINE {
    constexpr int kS = decltype(s)::value;
    constexpr int kColumn = kS * Dot::kColumns;
    const auto weights = Dot::load_weights(group + kColumn * kStripRows);
    unroll<kUnits>([&](auto u) LATHE_LAMBDA_INLINE {
      constexpr int kFirst = decltype(u)::value * kUnit;
      constexpr int kLast = kFirst + kUnit > T ? kFirst : kFirst + kUnit - 1;
      if constexpr (kColumn % 16 == 0) {
        const std::size_t column = g * Kind::kGroup + kColumn;
        codes[kFirst / kUnit] =
            Dot::load_tokens(tokens.codes[kFirst] + column, tokens.codes[kLast] + column);
      }
      Dot::template step<kS>(sum[kFirst / kUnit], weights, codes[kFirst / kUnit]);
    });
  });
  const std::uint8_t* after = group + kStripRows * Kind::kGroup;
  const F32x8 scales = load_raw(after);
  unroll<T>([&](auto t) LATHE_LAMBDA_INLINE {
    constexpr int kT = decltype(t)::value;
    I32x8 dot = Dot::template total<kT % kUnit>(sum[kT / kUnit]);
    if constexpr (Kind::kOffset != 0) {
      dot = dot + offset_correction<Kind::kOffset>(tokens.bias[kT] + g);
    }
    // A chunk of one group starts from nothing.
    constexpr bool kOnly = Kind::kGroup == Kind::kChunk;
    chunk[kT] = kOnly ? to_f32(dot) * scales : fma(to_f32(dot), scales, chunk[kT]);
    if constexpr (Kind::kHasMin) {
      const F32x8 mins = load_raw(after + sizeof(float) * kStripRows);
      chunk[kT] = fma(mins, broadcast(tokens.sums[kT][g]), chunk[kT]);
    }
  });
}

// Eight rows x T tokens over all columns.
template <class Kind, int T>
void multiply_tile(const std::uint8_t* strip, std::size_t n_cols, const std::uint8_t* act,
                   std::size_t act_stride, F32x8* total) noexcept {
  constexpr std::size_t kGroups = Kind::kChunk / Kind::kGroup;
  constexpr ActKind kAct = Kind::kChunk == 32 ? ActKind::kQ8x32 : ActKind::kQ8x256;
  TokenTile<T> tokens;
  tokens.template set<Kind>(act, act_stride, act_layout(kAct, n_cols));
  F32x8 sums[T];
  for (int t = 0; t < T; ++t) sums[t] = zero();
  for (std::size_t c = 0; c < n_cols / Kind::kChunk; ++c) {
    F32x8 chunk[T];
    for (int t = 0; t < T; ++t) chunk[t] = zero();
    for (std::size_t g = c * kGroups; g < (c + 1) * kGroups; ++g, strip += Kind::kGroupBytes) {
      multiply_group<Kind, T>(strip, tokens, g, chunk);
    }
    for (int t = 0; t < T; ++t) sums[t] = fma(chunk[t], broadcast(tokens.scales[t][c]), sums[t]);
  }
  for (int t = 0; t < T; ++t) total[t] = sums[t];
}

using TileFn = void (*)(const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t,
                        F32x8*) noexcept;

// Tiles of 1, 2 and kTokens tokens; n is the number that the tile takes.
template <class Kind>
TileFn tile_for(std::size_t n_tokens, std::size_t* n) noexcept {
  constexpr int kTokens = Kind::PanelDotType::kTokens;
  *n = n_tokens >= kTokens ? kTokens : n_tokens >= 2 ? 2 : 1;
  if (*n == 1) return multiply_tile<Kind, 1>;
  return *n == 2 ? multiply_tile<Kind, 2> : multiply_tile<Kind, kTokens>;
}

LATHE_INLINE void store_rows(F32x8 x, std::size_t n_rows, float* out) noexcept {
  if (n_rows >= kStripRows) {
    store(out, x);
    return;
  }
  float rows[kStripRows];
  store(rows, x);
  for (std::size_t r = 0; r < n_rows; ++r) out[r] = rows[r];
}

// Activations of a tile of tokens stay in the first-level cache while the panel streams past.
template <class Kind>
void multiply_int8(const void* panel, std::size_t n_rows, std::size_t n_cols, const void* act,
                   std::size_t act_stride, std::size_t n_tokens, float* out,
                   std::size_t out_stride) noexcept {
  constexpr std::size_t kTokens = Kind::PanelDotType::kTokens;
  std::size_t n;
  for (std::size_t t = 0; t < n_tokens; t += n) {
    const TileFn tile = tile_for<Kind>(n_tokens - t, &n);
    const auto* tokens = static_cast<const std::uint8_t*>(act) + t * act_stride;
    for (std::size_t r = 0; r < n_rows; r += kStripRows) {
      const auto* strip =
          static_cast<const std::uint8_t*>(panel) + r / kStripRows * Kind::strip_bytes(n_cols);
      F32x8 total[kTokens];
      tile(strip, n_cols, tokens, act_stride, total);
      for (std::size_t i = 0; i < n; ++i) {
        store_rows(total[i], n_rows - r, out + (t + i) * out_stride + r);
      }
    }
  }
}

template <Format F>
void set_panel_int8(KernelTable& table) noexcept {
  if constexpr (format_info(F).group != 0) {
    using Kind = typename PanelKindOf<F>::Type;
    MatmulKernels& m = table.matmul[index_of(F)];
    m.pack = pack_int8<F>;
    m.multiply = multiply_int8<Kind>;
    m.panel_bytes = panel_bytes_int8<Kind>;
    m.panel_rows = kPanelRows;
    m.panel_name = kInt8PanelName;
  }
}

inline void set_panels_int8(KernelTable& table) noexcept {
#define LATHE_FORMAT(id, ...) set_panel_int8<Format::id>(table);
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
}

}  // namespace
}  // namespace lathe
