#include "quant/pipeline/find_non_finite.h"

#include <fmt/format.h>

#include <cmath>

#include "runtime/base/error.h"
#include "runtime/base/finite.h"
#include "runtime/base/quote.h"
#include "runtime/decode_rows.h"
#include "runtime/tensor_source.h"

namespace lathe {
namespace {

constexpr std::uint64_t kPieceElements = 8U
                                         << 20;  // of a thread, between two calls of the progress

// The first row of the range with a value that is not finite.
std::optional<std::uint64_t> first_bad_row(const TensorSource& source, const TensorInfo& tensor,
                                           RowRange range, RowDecoder& decoder) {
  FirstRow bad;
  decoder.for_groups(source, tensor, range, [&](const RowGroup& group) noexcept {
    for (std::size_t r = 0; r < group.values.rows; ++r) {
      if (all_finite(group.values.row(r), group.values.cols)) continue;
      bad.note(group.first + r);
      return;
    }
  });
  return bad.get();
}

NonFiniteRow describe(const TensorSource& source, const TensorInfo& tensor, std::uint64_t row,
                      RowDecoder& decoder) {
  NonFiniteRow out{tensor.name, row, 0, 0};
  decoder.for_groups(source, tensor, {row, 1}, [&](const RowGroup& group) noexcept {
    const float* values = group.values.row(0);
    while (std::isfinite(values[out.column])) ++out.column;
    out.value = values[out.column];
  });
  return out;
}

}  // namespace

std::optional<NonFiniteRow> find_non_finite(const TensorSource& source, const Plan& plan,
                                            const KernelTable& kernels, ThreadPool& pool,
                                            const FiniteProgress& progress) {
  RowDecoder decoder(kernels, pool);
  std::uint64_t elements = 0;
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    const TensorInfo& tensor = plan.tensors[i].source;
    const std::uint64_t piece =
        std::max<std::uint64_t>(1, kPieceElements * static_cast<std::uint64_t>(pool.size()) /
                                       std::max<std::uint64_t>(1, tensor.cols()));
    for (std::uint64_t row = 0; row < tensor.rows(); row += piece) {
      if (progress) progress(plan.tensors[i], i, elements);
      const RowRange range{row, std::min(piece, tensor.rows() - row)};
      if (const auto bad = first_bad_row(source, tensor, range, decoder)) {
        return describe(source, tensor, *bad, decoder);
      }
      elements += range.n * tensor.cols();
    }
    source.done_with(tensor);
  }
  return std::nullopt;
}

void require_finite(const TensorSource& source, const Plan& plan, const KernelTable& kernels,
                    ThreadPool& pool, const FiniteProgress& progress) {
  const auto bad = find_non_finite(source, plan, kernels, pool, progress);
  if (!bad) return;
  throw bad_input(source.path(),
                  fmt::format("tensor {}, row {}: value {} is {}", printable(bad->tensor), bad->row,
                              bad->column, std::isnan(bad->value) ? "NaN" : "infinite"));
}

}  // namespace lathe
