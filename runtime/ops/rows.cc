#include "runtime/ops/rows.h"

namespace lathe {
namespace {

// Few rows are done sooner than other threads can be told about them.
constexpr std::size_t kRowGrain = 4;

template <class F>
void for_rows(ExecContext& ctx, std::size_t n, F&& f) noexcept {
  ctx.pool.for_ranges(n, kRowGrain, [&](std::size_t begin, std::size_t end) noexcept {
    for (std::size_t i = begin; i < end; ++i) f(i);
  });
}

}  // namespace

void look_up(ExecContext& ctx, const WeightView& table, Batch items,
             MatrixView<float> out) noexcept {
  const DecodeFn decode = ctx.kernels.decode[index_of(table.format)];
  const std::size_t stride = table.row_stride();
  for_rows(ctx, items.size(), [&](std::size_t i) noexcept {
    decode(table.data + static_cast<std::size_t>(items[i].token) * stride, table.cols, out.row(i));
  });
}

void rms_norm(ExecContext& ctx, MatrixView<const float> x, const WeightView& weight, float eps,
              MatrixView<float> out) noexcept {
  if (ctx.idle()) return;
  const auto* const w = reinterpret_cast<const float*>(weight.data);
  for_rows(ctx, x.rows, [&](std::size_t i) noexcept {
    ctx.kernels.rms_norm(x.row(i), w, x.cols, eps, out.row(i));
  });
}

void add(ExecContext& ctx, MatrixView<float> x, MatrixView<const float> y) noexcept {
  if (ctx.idle()) return;
  for_rows(ctx, x.rows,
           [&](std::size_t i) noexcept { ctx.kernels.add(x.row(i), y.row(i), x.cols); });
}

}  // namespace lathe
