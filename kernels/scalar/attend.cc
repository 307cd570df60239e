// One piece of attention (AttendArgs, kernels/kernel_table.h). Each key and value is decoded once
// and used for all queries; the scores of a piece wait in scratch.
#include <math.h>

#include "kernels/scalar/decode.h"
#include "kernels/scalar/parts.h"

namespace lathe {
namespace {

// scratch: scores float [n_q, kAttentionPiece], then one decoded vector float [head_dim]
std::size_t attend_scratch_bytes(std::size_t n_q, std::size_t head_dim) noexcept {
  return round_up_64((n_q * kAttentionPiece + head_dim) * sizeof(float));
}

DecodeFn decode_of(Format f) noexcept {
  switch (f) {
    case Format::F16:
      return decode_row<Format::F16>;
    case Format::BF16:
      return decode_row<Format::BF16>;
    case Format::Q8_0:
      return decode_row<Format::Q8_0>;
    case Format::Q4_0:
      return decode_row<Format::Q4_0>;
    case Format::Q4_1:
      return decode_row<Format::Q4_1>;
    case Format::Q5_0:
      return decode_row<Format::Q5_0>;
    case Format::Q5_1:
      return decode_row<Format::Q5_1>;
    case Format::IQ4_NL:
      return decode_row<Format::IQ4_NL>;
    default:
      return decode_row<Format::F32>;
  }
}

// Keys that query i may see.
std::size_t visible(const AttendArgs& a, std::size_t i) noexcept {
  const auto n = static_cast<std::size_t>(a.n_visible[i]);
  return n < a.n_keys ? n : a.n_keys;
}

void score_keys(const AttendArgs& a, float* scores, float* key) noexcept {
  const DecodeFn decode = decode_of(a.k_format);
  for (std::size_t j = 0; j < a.n_keys; ++j) {
    decode(a.k + static_cast<std::size_t>(a.cells[j]) * a.k_stride, a.head_dim, key);
    for (std::size_t i = 0; i < a.n_q; ++i) {
      if (j >= visible(a, i)) continue;
      scores[i * kAttentionPiece + j] = dot_floats(a.q + i * a.q_stride, key, a.head_dim);
    }
  }
}

// Scores to exp(score - max); returns their sum.
float exponentials(float* scores, std::size_t n, float* max) noexcept {
  float largest = -HUGE_VALF;
  for (std::size_t j = 0; j < n; ++j) largest = scores[j] > largest ? scores[j] : largest;
  float sum = 0.0f;
  for (std::size_t j = 0; j < n; ++j) {
    scores[j] = expf(scores[j] - largest);
    sum += scores[j];
  }
  *max = largest;
  return sum;
}

void add_values(const AttendArgs& a, const float* weights, float* value) noexcept {
  const DecodeFn decode = decode_of(a.v_format);
  for (std::size_t j = 0; j < a.n_keys; ++j) {
    decode(a.v + static_cast<std::size_t>(a.cells[j]) * a.v_stride, a.head_dim, value);
    for (std::size_t i = 0; i < a.n_q; ++i) {
      if (j >= visible(a, i)) continue;
      const float weight = weights[i * kAttentionPiece + j];
      float* out = a.out + i * a.out_stride;
      for (std::size_t d = 0; d < a.head_dim; ++d) out[d] += weight * value[d];
    }
  }
}

void attend(const AttendArgs& a) noexcept {
  auto* scores = static_cast<float*>(a.scratch);
  float* vector = scores + a.n_q * kAttentionPiece;
  score_keys(a, scores, vector);
  for (std::size_t i = 0; i < a.n_q; ++i) {
    a.sum[i] = exponentials(scores + i * kAttentionPiece, visible(a, i), &a.max[i]);
    std::memset(a.out + i * a.out_stride, 0, a.head_dim * sizeof(float));
  }
  add_values(a, scores, vector);
}

}  // namespace

void fill_scalar_attend(KernelTable& table) noexcept {
  table.attend = attend;
  table.attend_scratch_bytes = attend_scratch_bytes;
}

}  // namespace lathe
