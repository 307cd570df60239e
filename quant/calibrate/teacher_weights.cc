#include "quant/calibrate/teacher_weights.h"

#include <algorithm>
#include <utility>

#include "quant/calibrate/input_group.h"
#include "runtime/decode_rows.h"
#include "runtime/machine/probes.h"

namespace lathe {
namespace {

// The rows of a matrix in bfloat16.
AlignedBuffer in_bf16(const KernelTable& kernels, ThreadPool& pool, const WeightView& view) {
  const std::size_t stride = row_bytes(Format::BF16, view.cols);
  const EncodeFn encode = kernels.encode[index_of(Format::BF16)];
  AlignedBuffer out(view.rows * stride);
  RowDecoder(kernels, pool).for_groups(view, [&](const RowGroup& group) noexcept {
    for (std::size_t i = 0; i < group.values.rows; ++i) {
      encode(group.values.row(i), view.cols, out.data() + (group.first + i) * stride);
    }
  });
  return out;
}

}  // namespace

TeacherWeights::TeacherWeights(const KernelTable& kernels, ThreadPool& pool,
                               const WeightSet& source)
    : kernels_(kernels), pool_(pool), source_(source), weights_(source) {}

void TeacherWeights::enter(int layer) {
  for (const TensorId id : std::exchange(replaced_, {})) {
    weights_.set(id, source_.get(id.role, id.layer));
  }
  blocks_.clear();
  if (panel_peak(kernels_, Format::BF16) != Peak::kBf16) return;
  for (const InputGroup& group : layer_groups(source_, layer)) {
    for (const TensorRole role : group.roles) {
      const WeightView& view = source_.get(role, layer);
      if (view.format != Format::F16 && view.format != Format::F32) continue;
      replaced_.push_back({role, layer});
      blocks_.push_back(in_bf16(kernels_, pool_, view));
      weights_.set(replaced_.back(),
                   {Format::BF16, view.rows, view.cols,
                    reinterpret_cast<const std::uint8_t*>(blocks_.back().data())});
    }
  }
}

}  // namespace lathe
