// Tensors of an older output that would come out the same, so that only what changed is encoded.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "quant/pipeline/provenance.h"
#include "quant/pipeline/quantize.h"

namespace lathe {

// Encoding is deterministic: the same source bytes, importance, format and encoder give the same
// bytes. The older file's provenance says all four (quant/pipeline/provenance.h); a tensor of which
// it does not is encoded again.
class ReusableTensors {
 public:
  // `inputs`: tensor_inputs() of the job.
  ReusableTensors(const QuantizeJob& job, InputsByTensor inputs);

  // The tensor in the older file; nullptr when it must be encoded, which is counted by reason.
  const TensorInfo* find(const PlannedTensor& tensor);
  // Why tensors were not reused, in a sentence each; empty when all were, or nothing was asked for.
  std::vector<std::string> obstacles() const;

 private:
  // Empty when `old` can be taken.
  std::string obstacle(const PlannedTensor& tensor, const TensorInfo* old,
                       const std::string& old_name) const;

  const QuantizeJob& job_;
  InputsByTensor now_, before_;
  std::vector<int> source_pruned_, old_pruned_;  // in the numbers of the original model
  std::string general_obstacle_;                 // to reusing anything
  std::map<std::string, std::size_t> counts_;    // tensors by reason
};

}  // namespace lathe
