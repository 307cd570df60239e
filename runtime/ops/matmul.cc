#include "runtime/ops/matmul.h"

#include <algorithm>
#include <array>

#include "kernels/activation.h"
#include "runtime/ops/matmul_detail.h"

namespace lathe {
namespace {

using matmul_detail::ConvertedInput;
using matmul_detail::Job;
using matmul_detail::kMaxProducts;

constexpr ActKind kConvertedKinds[] = {ActKind::kBF16, ActKind::kQ8x32, ActKind::kQ8x256};

// Converts the input at most once per kind.
class Inputs {
 public:
  Inputs(ExecContext& ctx, MatrixView<const float> rows) noexcept : ctx_(ctx), rows_(rows) {}

  ConvertedInput get(ActKind kind) noexcept {
    ConvertedInput& slot = slots_[static_cast<std::size_t>(kind)];
    if (slot.data == nullptr) slot = kind == ActKind::kF32 ? as_it_is() : convert(kind);
    return slot;
  }

 private:
  ConvertedInput as_it_is() const noexcept {
    return {reinterpret_cast<const std::uint8_t*>(rows_.data), rows_.stride * sizeof(float),
            rows_.rows};
  }

  ConvertedInput convert(ActKind kind) noexcept {
    const std::size_t stride = act_layout(kind, rows_.cols).row_bytes;
    auto* const data = ctx_.scratch.take<std::uint8_t>(rows_.rows * stride);
    const QuantizeActFn quantize = ctx_.kernels.quantize_act[static_cast<std::size_t>(kind)];
    ctx_.pool.for_ranges(rows_.rows, 1, [&](std::size_t begin, std::size_t end) noexcept {
      for (std::size_t i = begin; i < end; ++i)
        quantize(rows_.row(i), rows_.cols, data + i * stride);
    });
    return {data, stride, rows_.rows};
  }

  ExecContext& ctx_;
  MatrixView<const float> rows_;
  std::array<ConvertedInput, kActKindCount> slots_ = {};
};

Job make_job(ExecContext& ctx, Inputs& inputs, const Product& product) noexcept {
  const TensorId id = product.weight;
  const WeightView& weight = ctx.weights.get(id.role, id.layer);
  const WeightView& bias = ctx.weights.get(id.role, id.layer, TensorPart::kBias);
  return {&ctx.kernels.matmul[index_of(weight.format)], weight,
          reinterpret_cast<const float*>(bias.data), inputs.get(format_info(weight.format).act),
          product.out};
}

// Takes up the input that another pass left, where this one begins here; tells the observer of the
// input. False where the pass ends here, has ended before or begins later.
bool goes_on(ExecContext& ctx, std::initializer_list<Product> products,
             MatrixView<const float>& input) noexcept {
  for (const Product& p : products) {
    if (ctx.since != p.weight.role) continue;
    ctx.since.reset();
    input = ctx.input;
  }
  if (ctx.idle()) return false;
  for (const Product& p : products) {
    if (ctx.observer != nullptr) ctx.observer->on_matmul_input(p.weight, input);
    ctx.ended = ctx.ended || ctx.until == p.weight.role;
  }
  return !ctx.ended;
}

}  // namespace

void matmul(ExecContext& ctx, MatrixView<const float> input,
            std::initializer_list<Product> products) noexcept {
  if (!goes_on(ctx, products, input)) return;
  const Arena::Scope scope(ctx.scratch);
  Inputs inputs(ctx, input);
  std::array<Job, kMaxProducts> jobs;
  std::size_t n = 0;
  for (const Product& p : products) jobs[n++] = make_job(ctx, inputs, p);
  if (ctx.path == MatmulPath::kPanel) {
    matmul_detail::multiply_panels(ctx, {jobs.data(), n});
  } else {
    matmul_detail::multiply_rows(ctx, {jobs.data(), n});
  }
}

void matmul_gated(ExecContext& ctx, MatrixView<const float> input, TensorId gate, TensorId up,
                  MatrixView<float> out) noexcept {
  if (!goes_on(ctx, {{gate, out}, {up, out}}, input)) return;
  const Arena::Scope scope(ctx.scratch);
  Inputs inputs(ctx, input);
  const Job gate_job = make_job(ctx, inputs, {gate, out});
  const Job up_job = make_job(ctx, inputs, {up, out});
  if (ctx.path == MatmulPath::kPanel) {
    matmul_detail::multiply_panels_gated(ctx, gate_job, up_job);
  } else {
    const std::size_t n_rows = std::min(input.rows, matmul_detail::kRowTokens);
    const MatrixView<float> temp = ctx.scratch.matrix(n_rows, out.cols);
    matmul_detail::multiply_rows_gated(ctx, gate_job, up_job, temp);
  }
}

std::size_t matmul_scratch_bytes(const KernelTable& kernels, int n_threads, std::size_t n_items,
                                 std::size_t n_in, std::size_t n_out) noexcept {
  Arena measure;
  for (const ActKind kind : kConvertedKinds) {
    measure.take<std::uint8_t>(n_items * act_layout(kind, n_in).row_bytes);
  }
  measure.matrix(std::min(n_items, matmul_detail::kRowTokens), n_out);
  return measure.used() + matmul_detail::panel_scratch_bytes(kernels, n_threads, n_items, n_in);
}

}  // namespace lathe
