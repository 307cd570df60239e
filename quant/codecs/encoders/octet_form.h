// A positive definite quadratic form over 8 numbers x, as the squares of y = x u with u upper
// triangular: what an error of 8 neighbouring columns costs.
#pragma once

#include <cmath>
#include <cstddef>

namespace lathe::LATHE_CODEC_TIER {

struct OctetForm {
  float u[8][8];        // zeros below the diagonal
  float diagonal[8];    // of u u^T: what an error of one number alone costs
  float carry[4][4];    // u12 u22^-1: what the first 4 ask of the last 4
  float inverse[8][8];  // see the functions below

  void finish() noexcept {
    for (int i = 0; i < 8; ++i) {
      diagonal[i] = 0.0f;
      for (int j = i; j < 8; ++j) diagonal[i] += u[i][j] * u[i][j];
    }
    for (int i = 0; i < 4; ++i) {  // row by row: carry u22 = u12
      for (int j = 0; j < 4; ++j) {
        float rest = u[i][4 + j];
        for (int k = 0; k < j; ++k) rest -= carry[i][k] * u[4 + k][4 + j];
        carry[i][j] = rest / u[4 + j][4 + j];
      }
    }
  }
};

// Of columns that are rounded: u = N sqrt(D); inverse is that of N, which has ones on the diagonal.
static inline OctetForm form_of_feedback(const float* n, std::size_t stride,
                                         const float* weights) noexcept {
  OctetForm form = {};
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t j = i; j < 8; ++j) form.u[i][j] = n[i * stride + j] * std::sqrt(weights[j]);
    form.inverse[i][i] = 1.0f;
    for (std::size_t j = i + 1; j < 8; ++j) {
      float sum = 0.0f;
      for (std::size_t k = i; k < j; ++k) sum -= form.inverse[i][k] * n[k * stride + j];
      form.inverse[i][j] = sum;
    }
  }
  form.finish();
  return form;
}

// Of columns with the others as they are: u u^T = h; inverse is that of h.
static inline OctetForm form_of_moment(const float* h, std::size_t stride) noexcept {
  OctetForm form = {};
  double u[8][8] = {}, v[8][8] = {};  // v: inverse of u
  for (std::size_t j = 8; j-- > 0;) {
    for (std::size_t i = 0; i <= j; ++i) {
      double rest = h[i * stride + j];
      for (std::size_t k = j + 1; k < 8; ++k) rest -= u[i][k] * u[j][k];
      u[i][j] = rest;
    }
    const double root = std::sqrt(u[j][j] > 0.0 ? u[j][j] : 1e-30);
    for (std::size_t i = 0; i < j; ++i) u[i][j] /= root;
    u[j][j] = root;
  }
  for (std::size_t i = 0; i < 8; ++i) {
    v[i][i] = 1.0 / u[i][i];
    for (std::size_t j = i + 1; j < 8; ++j) {
      double sum = 0.0;
      for (std::size_t k = i; k < j; ++k) sum -= v[i][k] * u[k][j];
      v[i][j] = sum / u[j][j];
    }
  }
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t j = 0; j < 8; ++j) {
      form.u[i][j] = static_cast<float>(u[i][j]);
      double sum = 0.0;  // h^-1 = v^T v
      for (std::size_t k = 0; k < 8; ++k) sum += v[k][i] * v[k][j];
      form.inverse[i][j] = static_cast<float>(sum);
    }
  }
  form.finish();
  return form;
}

}  // namespace lathe::LATHE_CODEC_TIER
