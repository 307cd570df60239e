// The yardstick of the F32 panels: the same product by OpenBLAS, on one thread.
#include <cblas.h>
#include <fmt/core.h>

#include <vector>

#include "bench/limits.h"
#include "tests/support/random_data.h"

namespace lathe::bench {
namespace {

struct Shape {
  int rows, cols, tokens;
};

constexpr Shape kShapes[] = {{256, 2048, 128}, {256, 8192, 128}, {2048, 2048, 512}};

// out [tokens, rows] = x [tokens, cols] . w [rows, cols]^T
void sgemm(benchmark::State& state, Limits& limits, const Shape& s) {
  test::Random random(1);
  const auto size = [](int a, int b) {
    return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
  };
  std::vector<float> w(size(s.rows, s.cols)), x(size(s.tokens, s.cols)),
      out(size(s.tokens, s.rows));
  random.fill(w);
  random.fill(x);
  const double seconds = time_loop(state, [&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, s.tokens, s.rows, s.cols, 1.0f, x.data(),
                s.cols, w.data(), s.cols, 0.0f, out.data(), s.rows);
  });
  limits.count_macs(state, seconds, static_cast<double>(w.size()) * s.tokens, Peak::kFma);
}

}  // namespace

void add_blas_benchmarks(Limits& limits) {
  openblas_set_num_threads(1);
  for (const Shape& shape : kShapes) {
    const std::string name =
        fmt::format("openblas/f32/{}x{}x{}", shape.rows, shape.cols, shape.tokens);
    benchmark::RegisterBenchmark(name.c_str(), [&limits, shape](benchmark::State& state) {
      sgemm(state, limits, shape);
    })->MinTime(0.1);
  }
}

}  // namespace lathe::bench
