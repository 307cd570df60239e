// The source's weights as the teacher runs them: float matrices of the layer at work in bfloat16,
// where that is twice as fast. What it adds to the differences that calibration measures is a
// thousandth of what a 4-bit format does.
#pragma once

#include <vector>

#include "kernels/kernel_table.h"
#include "runtime/base/aligned_buffer.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/weight_set.h"

namespace lathe {

class TeacherWeights {
 public:
  TeacherWeights(const KernelTable& kernels, ThreadPool& pool, const WeightSet& source);

  const WeightSet& weights() const noexcept { return weights_; }
  // This layer is run next; the others are as in the source. Memory: its weights.
  void enter(int layer);

 private:
  const KernelTable& kernels_;
  ThreadPool& pool_;
  const WeightSet& source_;
  WeightSet weights_;
  std::vector<TensorId> replaced_;
  std::vector<AlignedBuffer> blocks_;
};

}  // namespace lathe
