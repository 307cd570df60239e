// After the work: the files that were written, opened again and compared with plan and source,
// before they get their names.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "quant/pipeline/quantize.h"

namespace lathe {

struct WrittenModel {
  // The (first) file, whose name still has the suffix of temporary files
  // (runtime/base/atomic_file.h).
  std::string path;
  std::map<std::string, std::string> sha256;  // of each tensor's data as it was written, by name
};

struct Verification {
  std::vector<TensorError> errors;  // of the tensors that have another format than the source
  std::string note;                 // of QuantizeJob::check_loads
};

// That the file loads as a model (QuantizeJob::check_loads). Then tensor by tensor: name, format
// and shape are those of the plan; all values decode to finite ones; a copied tensor is its source,
// byte for byte, any other has the hash of what was written; and the error of rows sampled from an
// encoded one is within what its format explains (quant/codecs/error_limit.h). Error (kFailed)
// naming the tensor for anything else. `progress` is called often, and may throw to stop.
Verification verify_quantized(const QuantizeJob& job, const WrittenModel& written,
                              const KernelTable& kernels, ThreadPool& pool,
                              const std::function<void(const QuantizeProgress&)>& progress);

}  // namespace lathe
