// After the work: the file that was written, opened again and compared with plan and source.
#pragma once

#include <vector>

#include "quant/quantize.h"

namespace lathe {

// Names, formats, shapes and places of all tensors; sampled rows decoded and compared with the
// source. The error of each encoded tensor. Error (kFailed) when the file is not what was planned,
// or a sampled value is not finite.
std::vector<TensorError> verify_quantized(const QuantizeJob& job, const KernelTable& kernels);

}  // namespace lathe
