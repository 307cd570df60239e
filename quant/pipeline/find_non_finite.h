// Looks through a model for NaN and infinity, and for values that the planned format cannot hold,
// before anything is made of it.
//
// Encoders see such values in what they encode; norms, embeddings that keep their type and scales
// of quantized blocks would pass unseen, or be seen hours later. Every value is decoded once, by
// all threads, about as fast as the file can be read.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "kernels/kernel_table.h"
#include "quant/plan/plan.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

class TensorSource;

struct NonFiniteRow {
  std::string tensor;     // in the source
  std::uint64_t row = 0;  // the first of the tensor
  std::size_t column = 0;
  float value = 0;
  // Where the value is a number: what the planned format holds at most.
  Format format = Format::F32;
  float most = 0;
};

// The first such value among the tensors that the plan takes from the source, in the plan's order;
// nothing when all are numbers. Layers that are pruned are not looked at. `progress` is called
// before each tensor with what is done; what it throws passes through.
using FiniteProgress = std::function<void(const PlannedTensor& next, std::size_t n_tensors_done,
                                          std::uint64_t elements_done)>;
std::optional<NonFiniteRow> find_non_finite(const TensorSource& source, const Plan& plan,
                                            const KernelTable& kernels, ThreadPool& pool,
                                            const FiniteProgress& progress = {});

// Error (kBadInput) that names the tensor and the row of what find_non_finite() finds.
void require_finite(const TensorSource& source, const Plan& plan, const KernelTable& kernels,
                    ThreadPool& pool, const FiniteProgress& progress = {});

}  // namespace lathe
