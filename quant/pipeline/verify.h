// After the work: the files that were written, opened again and compared with plan and source,
// before they get their names.
#pragma once

#include <vector>

#include "quant/pipeline/quantize.h"

namespace lathe {

// `path`: the (first) file, whose name still has the suffix of temporary files
// (runtime/base/atomic_file.h). Names, formats, shapes and places of all tensors; all values
// decoded, which must be finite; sampled rows compared with the source. The error of each encoded
// tensor. Error (kFailed) when the file is not what was planned, or a value is not finite.
std::vector<TensorError> verify_quantized(const QuantizeJob& job, const std::string& path,
                                          const KernelTable& kernels, ThreadPool& pool);

}  // namespace lathe
