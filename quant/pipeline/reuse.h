// Tensors of an older output that would come out the same, so that only what changed is encoded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quant/pipeline/quantize.h"

namespace lathe {

class TensorEncoder;

// Encoding is deterministic: the same rows, importance and encoder give the same bytes. The older
// file's provenance must name this encoder version and this importance matrix; that the weights are
// the same is seen from rows that are encoded again and compared byte by byte.
class ReusableTensors {
 public:
  explicit ReusableTensors(const QuantizeJob& job);

  // The tensor of the older file; nullptr when it must be encoded.
  const TensorInfo* find(const PlannedTensor& tensor, TensorEncoder& encoder) const;
  // Why nothing can be reused at all; empty when something may be.
  const std::string& obstacle() const noexcept { return obstacle_; }

 private:
  bool sampled_rows_agree(const PlannedTensor& tensor, const TensorInfo& old,
                          TensorEncoder& encoder) const;

  const QuantizeJob& job_;
  std::string obstacle_;
  bool same_imatrix_ = false;
  std::vector<int> pruned_;  // of the older file
};

}  // namespace lathe
