// Activation rows and the direct encoders: rounding, exactly as kernels/activation.h and the
// formats define it.
#include "kernels/avx512/fill.h"
#include "kernels/avx512/float_rows.h"

namespace lathe {
namespace {

void copy_floats(const float* x, size_t n, void* out) noexcept { __builtin_memcpy(out, x, 4 * n); }

void to_bf16(const float* x, size_t n, void* out) noexcept {
  auto* y = static_cast<uint16_t*>(out);
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    _mm256_mask_storeu_epi16(y + i, lanes, float_to_bf16(_mm512_maskz_loadu_ps(lanes, x + i)));
  }
}

// NaNs become sign | 0x7e00 as in every tier; the instruction would keep their payload.
inline __m256i float_to_half(__m512 x) noexcept {
  const __m256i h = _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  const __m256i sign = _mm256_and_si256(h, _mm256_set1_epi16(static_cast<short>(0x8000)));
  return _mm256_mask_blend_epi16(nan, h, _mm256_or_si256(sign, _mm256_set1_epi16(0x7e00)));
}

void to_half(const float* x, size_t n, void* out) noexcept {
  auto* y = static_cast<uint16_t*>(out);
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    _mm256_mask_storeu_epi16(y + i, lanes, float_to_half(_mm512_maskz_loadu_ps(lanes, x + i)));
  }
}

inline float largest_magnitude(const float* x, size_t n) noexcept {
  __m512 m = _mm512_abs_ps(_mm512_loadu_ps(x));
  for (size_t i = 16; i < n; i += 16) m = _mm512_max_ps(_mm512_abs_ps(_mm512_loadu_ps(x + i)), m);
  return _mm512_reduce_max_ps(m);
}

struct RoundScale {
  float inverse, scale;
};

inline RoundScale round_scale(float largest) noexcept {
  if (largest < 0x1p-120f) return {0.0f, 0.0f};
  return {127.0f / largest, largest / 127.0f};
}

// Sixteen codes as bytes; vcvtps2dq rounds to nearest even.
inline __m128i round16(const float* x, __m512 inverse) noexcept {
  return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), inverse)));
}

void to_q8_0(const float* x, size_t n, void* out) noexcept {
  auto* b = static_cast<BlockQ8_0*>(out);
  for (size_t i = 0; i < n; i += 32, ++b) {
    const RoundScale s = round_scale(largest_magnitude(x + i, 32));
    const __m512 inverse = _mm512_set1_ps(s.inverse);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(b->qs), round16(x + i, inverse));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(b->qs + 16), round16(x + i + 16, inverse));
    b->d = static_cast<uint16_t>(_cvtss_sh(s.scale, _MM_FROUND_TO_NEAREST_INT));
  }
}

// Sums of 16 and 32 codes and what follows from them, 512 codes at a time (a multiple of 32 valid).
inline void store_sums(uint8_t* row, const ActLayout& layout, size_t n) noexcept {
  const __m512i ones = _mm512_set1_epi8(1), minus128 = _mm512_set1_epi32(-128);
  for (size_t c = 0; c < n; c += 16) {
    const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + c));
    const __m128i quads = _mm_dpbusd_epi32(_mm_setzero_si128(), _mm512_castsi512_si128(ones), q);
    const __m128i pairs = _mm_add_epi32(quads, _mm_shuffle_epi32(quads, 0x4e));
    const int32_t sum = _mm_cvtsi128_si32(_mm_add_epi32(pairs, _mm_shuffle_epi32(pairs, 0xb1)));
    __builtin_memcpy(row + layout.bias16 + c / 4, &sum, 4);
  }
  // bias16 now holds the sums themselves; replace them and derive the rest.
  for (size_t g = 0; g < n / 16; g += 16) {
    const __mmask16 lanes = first_lanes(n / 16 - g);
    const __m512i sums = _mm512_maskz_loadu_epi32(lanes, row + layout.bias16 + 4 * g);
    const __m512i neighbours = _mm512_add_epi32(sums, _mm512_shuffle_epi32(sums, _MM_PERM_CDAB));
    const __m256i sums32 = _mm512_cvtepi64_epi32(neighbours);
    const __mmask8 half = static_cast<__mmask8>(first_lanes(n / 32 - g / 2));
    _mm512_mask_storeu_ps(row + layout.sums16 + 4 * g, lanes, _mm512_cvtepi32_ps(sums));
    _mm256_mask_storeu_epi16(row + layout.words16 + 2 * g, lanes, _mm512_cvtepi32_epi16(sums));
    _mm512_mask_storeu_epi32(row + layout.bias16 + 4 * g, lanes,
                             _mm512_mullo_epi32(sums, minus128));
    _mm256_mask_storeu_ps(reinterpret_cast<float*>(row + layout.sums32 + 2 * g), half,
                          _mm256_cvtepi32_ps(sums32));
    _mm256_mask_storeu_epi32(row + layout.bias32 + 2 * g, half,
                             _mm256_mullo_epi32(sums32, _mm512_castsi512_si256(minus128)));
  }
}

template <ActKind K>
void to_int8(const float* x, size_t n, void* out) noexcept {
  const ActLayout layout = act_layout(K, n);
  auto* row = static_cast<uint8_t*>(out);
  auto* scales = reinterpret_cast<float*>(row + layout.scales);
  constexpr size_t kElems = K == ActKind::kQ8x32 ? 32 : 256;
  for (size_t i = 0; i < n; i += kElems) {
    const RoundScale s = round_scale(largest_magnitude(x + i, kElems));
    const __m512 inverse = _mm512_set1_ps(s.inverse);
    for (size_t j = i; j < i + kElems; j += 16) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(row + j), round16(x + j, inverse));
    }
    scales[i / kElems] = s.scale;
  }
  store_sums(row, layout, n);
}

}  // namespace

void fill_avx512_convert(KernelTable& table) noexcept {
  table.quantize_act[static_cast<size_t>(ActKind::kF32)] = copy_floats;
  table.quantize_act[static_cast<size_t>(ActKind::kBF16)] = to_bf16;
  table.quantize_act[static_cast<size_t>(ActKind::kQ8x32)] = to_int8<ActKind::kQ8x32>;
  table.quantize_act[static_cast<size_t>(ActKind::kQ8x256)] = to_int8<ActKind::kQ8x256>;
  table.encode[index_of(Format::F32)] = copy_floats;
  table.encode[index_of(Format::F16)] = to_half;
  table.encode[index_of(Format::BF16)] = to_bf16;
  table.encode[index_of(Format::Q8_0)] = to_q8_0;
}

}  // namespace lathe
