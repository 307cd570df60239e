// One matrix product as kernels see it: blocks of weights with a row stride, converted activation
// rows with a stride, and the exact result with the error bound of float32 summation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "tests/support/guarded_buffer.h"
#include "tests/support/kernel_cases.h"
#include "tests/support/random_data.h"

namespace lathe::test {

struct Exact {
  double value;
  double bound;  // on the error of a float32 evaluation in any order of operations
};

class MatmulCase {
 public:
  // Weights and tokens are random; `scalar` decodes and converts. With `byte` >= 0, everything but
  // the scales of the weights is that byte, and activations are all +1 (even tokens) or -1.
  MatmulCase(const KernelTable& scalar, Format f, std::size_t rows, std::size_t cols,
             std::size_t tokens, std::uint64_t seed, int byte = -1)
      : format(f),
        n_rows(rows),
        n_cols(cols),
        n_tokens(tokens),
        row_stride(row_bytes(f, cols) + 8),
        act_stride(act_layout(format_info(f).act, cols).row_bytes + 64),
        weights(row_stride * (rows - 1) + row_bytes(f, cols)),
        acts(act_stride * tokens - 64),
        scalar_(scalar) {
    Random random(seed);
    std::vector<float> x(n_cols);
    for (std::size_t r = 0; r < n_rows; ++r) {
      fill_blocks(f, {row(r), row_bytes(f, n_cols)}, random, byte);
    }
    for (std::size_t t = 0; t < n_tokens; ++t) {
      random.fill(x);
      if (byte >= 0) std::fill(x.begin(), x.end(), t % 2 == 0 ? 1.0f : -1.0f);
      scalar.quantize_act[static_cast<int>(format_info(f).act)](x.data(), n_cols, token(t));
      token_values_.push_back(token_values(t));
    }
    for (std::size_t r = 0; r < n_rows; ++r) row_values_.push_back(row_values(r));
  }

  std::uint8_t* row(std::size_t r) { return weights.data() + r * row_stride; }
  std::uint8_t* token(std::size_t t) { return acts.data() + t * act_stride; }

  // Row r times token t in double, and what float32 may be off by: every term passes fewer than
  // terms / 8 + 16 roundings, each relative to the sum of magnitudes of what is added.
  Exact exact(std::size_t r, std::size_t t) const {
    Exact e{0, 0};
    double magnitude = 0;
    for (std::size_t c = 0; c < n_cols; ++c) {
      e.value += row_values_[r].value[c] * token_values_[t][c];
      magnitude += row_values_[r].magnitude[c] * std::abs(token_values_[t][c]);
    }
    e.bound = (static_cast<double>(n_cols) / 8 + 16) * 0x1p-24 * magnitude;
    return e;
  }

  const Format format;
  const std::size_t n_rows, n_cols, n_tokens, row_stride, act_stride;
  GuardedBuffer weights, acts;

 private:
  // Decoded weights, and the magnitude of the parts that make up each.
  struct RowValues {
    std::vector<double> value, magnitude;
  };

  RowValues row_values(std::size_t r) {
    std::vector<float> decoded(n_cols);
    scalar_.decode[index_of(format)](row(r), n_cols, decoded.data());
    RowValues v;
    v.value.assign(decoded.begin(), decoded.end());
    for (double x : v.value) v.magnitude.push_back(std::abs(x));
    if (!format_info(format).has_min) return v;
    const std::size_t group = format_info(format).group;
    std::vector<std::int8_t> codes(n_cols);
    std::vector<float> scales(n_cols / group), mins(n_cols / group);
    scalar_.unpack[index_of(format)](row(r), n_cols, codes.data(), scales.data(), mins.data());
    for (std::size_t c = 0; c < n_cols; ++c) {
      const double product = static_cast<double>(scales[c / group]) * codes[c];
      v.value[c] = product + mins[c / group];
      v.magnitude[c] = std::abs(product) + std::abs(mins[c / group]);
    }
    return v;
  }

  std::vector<double> token_values(std::size_t t) {
    const ActKind kind = format_info(format).act;
    const ActLayout layout = act_layout(kind, n_cols);
    const ActRow parts(token(t), layout);
    std::vector<double> x(n_cols);
    for (std::size_t c = 0; c < n_cols; ++c) {
      if (kind == ActKind::kF32) {
        x[c] = reinterpret_cast<const float*>(token(t))[c];
      } else if (kind == ActKind::kBF16) {
        x[c] = f32_from_bf16(reinterpret_cast<const std::uint16_t*>(token(t))[c]);
      } else {
        x[c] = static_cast<double>(parts.codes[c]) * parts.scales[c / layout.scale_elems];
      }
    }
    return x;
  }

  const KernelTable& scalar_;
  std::vector<RowValues> row_values_;
  std::vector<std::vector<double>> token_values_;
};

}  // namespace lathe::test
