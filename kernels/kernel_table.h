// The arithmetic of the engine as a plain struct of function pointers.
//
// Filled with the complete scalar set first; each tier that the CPU supports then overrides what it
// does better (select_kernels, kernels/tiers.h). Kernels know nothing of threads: the caller
// partitions rows. They never allocate, never throw, read nothing beyond the lengths given, and
// accept any length that the format allows (tails included).
//
// Two ways to multiply by a weight matrix W [n_rows, n_cols] that lies in GGUF blocks:
//   matvec   one or few tokens: dot products on the blocks as they lie; bound by memory bandwidth;
//   panels   many tokens: `pack` unpacks panel_rows rows once into a cache-resident panel in the
//            layout that the tier's inner loop wants, `multiply` uses it for all tokens.
// Either way a result depends on its own row and token only: the order of operations along k is
// fixed and does not depend on the number of tokens, the tile, the tail or the thread. The two ways
// differ in that order, so their results agree within rounding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/activation.h"
#include "kernels/formats/format.h"

namespace lathe {

// Blocks of n elements to float32, bit for bit the values that the format defines.
using DecodeFn = void (*)(const void* blocks, std::size_t n, float* out) noexcept;

// Integer formats: n elements to signed int8 codes with one scale (and minimum) per `group`
// elements (FormatInfo): value = scale * code + minimum, exactly up to the rounding of that
// expression. IQ1's +-1/8 offsets are folded into codes of 8 * grid +- 1. mins is not touched
// unless has_min.
using UnpackFn = void (*)(const void* blocks, std::size_t n, std::int8_t* codes, float* scales,
                          float* mins) noexcept;

// Direct encoders (KV cache, activations): floats, Q8_0, Q5_x, Q4_x, IQ4_NL; null for the others.
// Q8_0 has the codes of a kQ8x32 row (kernels/activation.h) and its scale rounded to float16, so
// all tiers write the same bytes.
using EncodeFn = void (*)(const float* x, std::size_t n, void* blocks) noexcept;

// One float row of n columns to a converted row (kernels/activation.h).
using QuantizeActFn = void (*)(const float* x, std::size_t n, void* row) noexcept;

// y[t * y_stride + r] = row r . token t; row_stride and act_stride in bytes, y_stride in floats.
using MatvecFn = void (*)(const void* w, std::size_t row_stride, std::size_t n_rows,
                          std::size_t n_cols, const void* act, std::size_t act_stride,
                          std::size_t n_tokens, float* y, std::size_t y_stride) noexcept;

// Packs n_rows <= panel_rows rows; missing rows of the panel are filled so that multiply is safe.
using PackFn = void (*)(const void* w, std::size_t row_stride, std::size_t n_rows,
                        std::size_t n_cols, void* panel) noexcept;

// out[t * out_stride + r] = row r of the panel . token t, for r < n_rows, t < n_tokens.
// act_stride in bytes, out_stride in floats.
using MultiplyFn = void (*)(const void* panel, std::size_t n_rows, std::size_t n_cols,
                            const void* act, std::size_t act_stride, std::size_t n_tokens,
                            float* out, std::size_t out_stride) noexcept;

// Bytes of a packed panel of n_cols columns; a multiple of 64.
using PanelBytesFn = std::size_t (*)(std::size_t n_cols) noexcept;

struct MatmulKernels {  // of one format
  MatvecFn matvec = nullptr;
  PackFn pack = nullptr;
  MultiplyFn multiply = nullptr;
  PanelBytesFn panel_bytes = nullptr;
  std::size_t panel_rows = 0;    // rows of a panel
  const char* matvec_name = "";  // tier and kind, for `lathe cpu`: "avx512 direct", "avx2 unpacked"
  const char* panel_name = "";
};

enum class RopePairing : std::uint8_t {
  kInterleaved,  // pair i = elements 2i, 2i+1 (NORM)
  kHalves,       // pair i = elements i, i + n/2 (NEOX)
};

// One piece of attention: n_q query vectors of one KV head against n_keys <= kAttentionPiece cached
// keys, with a softmax of its own. For query i only the first n_visible[i] keys count (0 is
// allowed: max = -infinity, sum = 0, out = 0). Pieces are merged in order by the caller (online
// softmax, Milakov & Gimelshein 2018; Dao et al. 2022), so the score matrix of a whole context
// never exists.
//
//   max[i] = max_j s_ij,  sum[i] = sum_j exp(s_ij - max[i]),  out[i] = sum_j exp(s_ij - max[i]) v_j
//   with s_ij = q_i . k_j; q is scaled already.
//
// A query's result depends on itself and on the keys that it sees only, bit for bit: not on the
// other queries of the call, nor on keys beyond n_visible.
constexpr std::size_t kAttentionPiece = 256;

struct AttendArgs {
  const float* q;  // [n_q, head_dim], q_stride floats apart
  std::size_t q_stride;
  std::size_t n_q;
  const std::int32_t* n_visible;  // [n_q]
  const std::int32_t* cells;      // [n_keys] cell of each key in the cache, in order of position
  std::size_t n_keys;
  const std::uint8_t* k;  // key of this head in cell c starts at k + c * k_stride bytes
  const std::uint8_t* v;
  std::size_t k_stride, v_stride;
  Format k_format, v_format;  // such as have an encoder
  std::size_t head_dim;       // even; a multiple of 32 for formats of blocks
  float* max;                 // [n_q]
  float* sum;                 // [n_q]
  float* out;                 // [n_q, head_dim], out_stride floats apart
  std::size_t out_stride;
  void* scratch;  // attend_scratch_bytes(n_q, head_dim) bytes, 64-byte aligned
};

// A probe runs n_iterations of an unrolled loop of the tier's best instruction and returns how many
// multiply-accumulates (peaks) or bytes (read) that was. `sink` receives a value that depends on
// all of it, so that nothing is optimised away.
using PeakProbeFn = double (*)(std::size_t n_iterations, float* sink) noexcept;
using ReadProbeFn = double (*)(const void* data, std::size_t bytes, float* sink) noexcept;

struct KernelTable {
  const char* tier = "";

  DecodeFn decode[kFormatCount] = {};
  UnpackFn unpack[kFormatCount] = {};  // null for F32, F16, BF16
  EncodeFn encode[kFormatCount] = {};
  QuantizeActFn quantize_act[kActKindCount] = {};
  MatmulKernels matmul[kFormatCount] = {};

  // y = x / sqrt(mean(x^2) + eps) * weight; y may be x. Squares are summed in double or pairwise.
  void (*rms_norm)(const float* x, const float* weight, std::size_t n, float eps,
                   float* y) noexcept = nullptr;
  void (*add)(float* x, const float* y, std::size_t n) noexcept = nullptr;  // x += y
  void (*scale)(float* x, float factor, std::size_t n) noexcept = nullptr;  // x *= factor
  void (*silu_mul)(const float* gate, const float* up, std::size_t n,
                   float* out) noexcept = nullptr;
  // Rotates n_heads heads of head_dim elements in place; cos and sin are [head_dim / 2].
  void (*rope)(float* x, std::size_t n_heads, std::size_t head_dim, const float* cos,
               const float* sin, RopePairing pairing) noexcept = nullptr;
  // max over x (n > 0), and sum of exp(x - max) in double: the parts of a log-softmax.
  void (*log_sum_exp)(const float* x, std::size_t n, float* max, double* sum) noexcept = nullptr;

  void (*attend)(const AttendArgs& args) noexcept = nullptr;
  std::size_t (*attend_scratch_bytes)(std::size_t n_q, std::size_t head_dim) noexcept = nullptr;

  PeakProbeFn probe_int8 = nullptr;
  PeakProbeFn probe_fma = nullptr;
  PeakProbeFn probe_bf16 = nullptr;  // null where the tier has no bfloat16 dot product
  ReadProbeFn probe_read = nullptr;
};

}  // namespace lathe
