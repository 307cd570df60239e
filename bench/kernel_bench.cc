// Matrix products of every format, one thread: one or few tokens (vec) and many tokens (panel).
//
// Names are vec/FORMAT/ROWSxCOLUMNSxTOKENS and panel/FORMAT/ROWSxCOLUMNSxTOKENS. The time of
// `panel` holds the unpacking of the weights, as in a prompt.
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/limits.h"
#include "tests/support/kernel_cases.h"
#include "tests/support/random_data.h"

namespace lathe::bench {
namespace {

constexpr double kMinSeconds = 0.05;

struct Shape {
  std::size_t rows, cols, tokens;
};

// Of the 1B models: attention, and both directions of the feed-forward part; a slice that stays in
// L2, where arithmetic is the limit; all of a model's rows of one kind, which come from memory.
constexpr Shape kVecShapes[] = {{2048, 2048, 1}, {8192, 2048, 1}, {2048, 8192, 1}, {64, 2048, 1},
                                {64, 2048, 4},   {64, 2048, 8},   {65536, 2048, 1}};
// A slice of rows is enough: panels follow each other and are alike.
constexpr Shape kPanelShapes[] = {{256, 2048, 128}, {256, 8192, 128}};

// Weights and converted activations of one product.
class Operands {
 public:
  Operands(const KernelTable& kernels, Format format, const Shape& shape)
      : kernels_(kernels.matmul[index_of(format)]),
        shape_(shape),
        row_stride_(row_bytes(format, shape.cols)),
        act_stride_(act_layout(format_info(format).act, shape.cols).row_bytes),
        weights_(shape.rows * row_stride_),
        acts_(shape.tokens * act_stride_),
        out_(shape.tokens * shape.rows * sizeof(float)),
        panel_(kernels_.panel_bytes(shape.cols)) {
    test::Random random(1);
    test::fill_blocks(format, weights_.as<std::uint8_t>(), random);
    std::vector<float> x(shape.cols);
    for (std::size_t t = 0; t < shape.tokens; ++t) {
      random.fill(x);
      kernels.quantize_act[static_cast<std::size_t>(format_info(format).act)](
          x.data(), shape.cols, acts_.data() + t * act_stride_);
    }
  }

  void vec() noexcept {
    kernels_.matvec(weights_.data(), row_stride_, shape_.rows, shape_.cols, acts_.data(),
                    act_stride_, shape_.tokens, out(), shape_.rows);
  }

  void panels() noexcept {
    for (std::size_t r = 0; r < shape_.rows; r += kernels_.panel_rows) {
      const std::size_t n = std::min(kernels_.panel_rows, shape_.rows - r);
      kernels_.pack(weights_.data() + r * row_stride_, row_stride_, n, shape_.cols, panel_.data());
      kernels_.multiply(panel_.data(), n, shape_.cols, acts_.data(), act_stride_, shape_.tokens,
                        out() + r, shape_.rows);
    }
  }

  double macs() const noexcept {
    return static_cast<double>(shape_.rows * shape_.cols * shape_.tokens);
  }
  double weight_bytes() const noexcept { return static_cast<double>(weights_.size()); }
  float* out() const noexcept { return out_.as<float>().data(); }

 private:
  const MatmulKernels& kernels_;
  Shape shape_;
  std::size_t row_stride_, act_stride_;
  AlignedBuffer weights_, acts_, out_, panel_;
};

void vec(benchmark::State& state, Limits& limits, Format format, const Shape& shape) {
  Operands operands(limits.kernels(), format, shape);
  const double seconds = time_loop(state, [&] { operands.vec(); });
  limits.count_bytes(state, seconds, operands.weight_bytes(), operands.macs());
}

void panel(benchmark::State& state, Limits& limits, Format format, const Shape& shape) {
  Operands operands(limits.kernels(), format, shape);
  const double seconds = time_loop(state, [&] { operands.panels(); });
  limits.count_macs(state, seconds, operands.macs(), panel_peak(limits.kernels(), format));
}

}  // namespace

void add_kernel_benchmarks(Limits& limits) {
  for (const Format format : test::kAllFormats) {
    for (const Shape& shape : kVecShapes) {
      benchmark::RegisterBenchmark(
          fmt::format("vec/{}/{}x{}x{}", format_name(format), shape.rows, shape.cols, shape.tokens)
              .c_str(),
          [&limits, format, shape](benchmark::State& state) { vec(state, limits, format, shape); })
          ->MinTime(kMinSeconds);
    }
    for (const Shape& shape : kPanelShapes) {
      const std::string name = fmt::format("panel/{}/{}x{}x{}", format_name(format), shape.rows,
                                           shape.cols, shape.tokens);
      benchmark::RegisterBenchmark(name.c_str(), [&limits, format, shape](benchmark::State& state) {
        panel(state, limits, format, shape);
      })->MinTime(kMinSeconds);
    }
  }
}

}  // namespace lathe::bench
