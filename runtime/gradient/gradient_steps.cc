#include "runtime/gradient/gradient_steps.h"

#include <cmath>
#include <vector>

namespace lathe {
namespace {

template <class F>
void for_rows(ThreadPool& pool, std::size_t n, F f) noexcept {
  pool.for_ranges(n, 4, [&](std::size_t begin, std::size_t end) noexcept {
    for (std::size_t i = begin; i < end; ++i) f(i);
  });
}

double sigmoid(double x) noexcept { return 1.0 / (1.0 + std::exp(-x)); }

}  // namespace

void rms_norm_forward(const KernelTable& kernels, ThreadPool& pool, MatrixView<const float> x,
                      const WeightView& weight, float eps, MatrixView<float> y) noexcept {
  const auto* const w = reinterpret_cast<const float*>(weight.data);
  for_rows(pool, x.rows,
           [&](std::size_t t) noexcept { kernels.rms_norm(x.row(t), w, x.cols, eps, y.row(t)); });
}

// With rho = 1 / sqrt(mean(x^2) + eps) and n = x rho: dx = rho (dy w - n mean(n dy w)).
void rms_norm_back(ThreadPool& pool, MatrixView<const float> x, const WeightView& weight, float eps,
                   MatrixView<const float> dy, MatrixView<float> dx) noexcept {
  const auto* const w = reinterpret_cast<const float*>(weight.data);
  const std::size_t d = x.cols;
  for_rows(pool, x.rows, [&](std::size_t t) noexcept {
    const float* const in = x.row(t);
    const float* const g = dy.row(t);
    double squares = 0.0, along = 0.0;
    for (std::size_t i = 0; i < d; ++i) {
      squares += double{in[i]} * in[i];
      along += double{in[i]} * g[i] * w[i];
    }
    const auto n = static_cast<double>(d);
    const double rho = 1.0 / std::sqrt(squares / n + double{eps});
    const double share = along * rho * rho / n;
    float* const out = dx.row(t);
    for (std::size_t i = 0; i < d; ++i) {
      out[i] = static_cast<float>(rho * (double{g[i]} * w[i] - in[i] * share));
    }
  });
}

void swiglu_forward(ThreadPool& pool, MatrixView<const float> gate, MatrixView<const float> up,
                    MatrixView<float> m) noexcept {
  for_rows(pool, m.rows, [&](std::size_t t) noexcept {
    const float *const a = gate.row(t), *const b = up.row(t);
    for (std::size_t i = 0; i < m.cols; ++i) {
      m.row(t)[i] = static_cast<float>(a[i] * sigmoid(a[i]) * b[i]);
    }
  });
}

// With e = sigmoid(gate): dgate = dm up e (1 + gate (1 - e)), dup = dm gate e.
void swiglu_back(ThreadPool& pool, MatrixView<const float> dm, MatrixView<float> gate,
                 MatrixView<float> up) noexcept {
  for_rows(pool, dm.rows, [&](std::size_t t) noexcept {
    float *const a = gate.row(t), *const b = up.row(t);
    for (std::size_t i = 0; i < dm.cols; ++i) {
      const double d = dm.row(t)[i], e = sigmoid(a[i]);
      const double da = d * b[i] * e * (1.0 + a[i] * (1.0 - e)), db = d * a[i] * e;
      a[i] = static_cast<float>(da);
      b[i] = static_cast<float>(db);
    }
  });
}

void turn_heads(const KernelTable& kernels, ThreadPool& pool, const HeadTurn& turn, Turn way,
                const float* scale, MatrixView<float> x) {
  const std::size_t half = turn.head_dim / 2;
  std::vector<float> angles(x.rows * turn.head_dim);
  for_rows(pool, x.rows, [&](std::size_t t) noexcept {
    float *const cos = angles.data() + t * turn.head_dim, *const sin = cos + half;
    turn.rope.angles(turn.positions[t], cos, sin);
    if (way == Turn::kBack) {
      for (std::size_t i = 0; i < half; ++i) sin[i] = -sin[i];
    }
    kernels.rope(x.row(t), x.cols / turn.head_dim, turn.head_dim, cos, sin, turn.rope.pairing());
    if (scale != nullptr) kernels.scale(x.row(t), scale[t], x.cols);
  });
}

void add_rows(ThreadPool& pool, MatrixView<float> x, MatrixView<const float> y) noexcept {
  for_rows(pool, x.rows, [&](std::size_t t) noexcept {
    for (std::size_t i = 0; i < x.cols; ++i) x.row(t)[i] += y.row(t)[i];
  });
}

}  // namespace lathe
