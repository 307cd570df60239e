#include "quant/pipeline/find_non_finite.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "quant/codecs/codec.h"
#include "runtime/base/error.h"
#include "runtime/base/finite.h"
#include "runtime/base/quote.h"
#include "runtime/decode_rows.h"
#include "runtime/tensor_source.h"

namespace lathe {
namespace {

constexpr std::uint64_t kPieceElements = 8U
                                         << 20;  // of a thread, between two calls of the progress

constexpr float kNoLimit = std::numeric_limits<float>::max();

// Of the format that a tensor gets; a copy holds what the source holds.
float largest_value(const PlannedTensor& planned) {
  const Codec* codec = planned.copied() ? nullptr : find_codec(planned.format);
  return codec == nullptr ? kNoLimit : codec->max_abs;
}

bool all_within(const float* x, std::size_t n, float most) noexcept {
  std::uint32_t n_beyond = 0;
  for (std::size_t i = 0; i < n; ++i) n_beyond += std::fabs(x[i]) > most ? 1U : 0U;
  return n_beyond == 0;
}

// The first row of the range with a value that is not finite, or beyond `most`.
std::optional<std::uint64_t> first_bad_row(const TensorSource& source, const TensorInfo& tensor,
                                           RowRange range, float most, RowDecoder& decoder) {
  FirstRow bad;
  decoder.for_groups(source, tensor, range, [&](const RowGroup& group) noexcept {
    for (std::size_t r = 0; r < group.values.rows; ++r) {
      const float* const row = group.values.row(r);
      const bool fits = most == kNoLimit || all_within(row, group.values.cols, most);
      if (fits && all_finite(row, group.values.cols)) continue;
      bad.note(group.first + r);
      return;
    }
  });
  return bad.get();
}

NonFiniteRow describe(const TensorSource& source, const PlannedTensor& planned, std::uint64_t row,
                      RowDecoder& decoder) {
  const TensorInfo& tensor = planned.source;
  NonFiniteRow out{tensor.name, row, 0, 0, planned.format, largest_value(planned)};
  decoder.for_groups(source, tensor, {row, 1}, [&](const RowGroup& group) noexcept {
    const float* values = group.values.row(0);
    while (std::fabs(values[out.column]) <= out.most) ++out.column;
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
      const float most = largest_value(plan.tensors[i]);
      if (const auto bad = first_bad_row(source, tensor, range, most, decoder)) {
        return describe(source, plan.tensors[i], *bad, decoder);
      }
      elements += range.n * tensor.cols();
      source.done_with(tensor);  // what is mapped counts as ours
    }
  }
  return std::nullopt;
}

void require_finite(const TensorSource& source, const Plan& plan, const KernelTable& kernels,
                    ThreadPool& pool, const FiniteProgress& progress) {
  const auto bad = find_non_finite(source, plan, kernels, pool, progress);
  if (!bad) return;
  const std::string where =
      fmt::format("tensor {}, row {}: value {} is ", printable(bad->tensor), bad->row, bad->column);
  if (!std::isfinite(bad->value)) {
    throw bad_input(source.path(), where + (std::isnan(bad->value) ? "NaN" : "infinite"));
  }
  throw bad_input(source.path(),
                  where + fmt::format("{:g}, and {} holds {:g} at most: use another type (bf16 and "
                                      "f32 hold it)",
                                      bad->value, format_name(bad->format), bad->most));
}

}  // namespace lathe
