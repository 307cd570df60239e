#include "quant/pipeline/reuse.h"

#include <algorithm>
#include <cstring>

#include "quant/pipeline/provenance.h"
#include "quant/pipeline/tensor_encoder.h"
#include "runtime/base/error.h"
#include "runtime/tensor_source.h"

namespace lathe {
namespace {

constexpr std::uint64_t kSampledRows = 16;

std::string hash_in(const Metadata& metadata) {
  if (!metadata.has(kImatrixHashKey)) return {};
  return std::string(metadata.require_text(kImatrixHashKey));
}

}  // namespace

ReusableTensors::ReusableTensors(const QuantizeJob& job) : job_(job) {
  if (job.reuse == nullptr) {
    obstacle_ = "nothing to reuse";
    return;
  }
  const Metadata& metadata = job.reuse->metadata();
  if (!metadata.has(kEncoderKey)) {
    obstacle_ = job.reuse->path() + ": says nothing of how it was made, so nothing is reused";
  } else if (metadata.require_uint(kEncoderKey) != kEncoderVersion) {
    obstacle_ = job.reuse->path() + ": made by another version of the encoders, nothing is reused";
  }
  same_imatrix_ = hash_in(metadata) == imatrix_hash(job.imatrix);
  if (const auto pruned = metadata.uint_list(kPrunedKey)) {
    for (const std::uint64_t layer : *pruned) pruned_.push_back(static_cast<int>(layer));
  }
}

const TensorInfo* ReusableTensors::find(const PlannedTensor& tensor, TensorEncoder& encoder) const {
  if (!obstacle_.empty() || tensor.copied()) return nullptr;
  const bool importance_matters = find_codec(tensor.format)->uses_importance;
  if (importance_matters && !same_imatrix_) return nullptr;
  const auto old_name = name_after_pruning(tensor.source.name, pruned_);
  const TensorInfo* old = old_name ? job_.reuse->find(*old_name) : nullptr;
  if (old == nullptr || old->format != tensor.format || old->dims != tensor.source.dims) {
    return nullptr;
  }
  return sampled_rows_agree(tensor, *old, encoder) ? old : nullptr;
}

bool ReusableTensors::sampled_rows_agree(const PlannedTensor& tensor, const TensorInfo& old,
                                         TensorEncoder& encoder) const {
  const std::uint64_t rows = tensor.source.rows(), n = std::min(kSampledRows, rows);
  std::vector<std::uint8_t> buffer(row_bytes(tensor.format, tensor.source.cols()));
  for (std::uint64_t k = 0; k < n; ++k) {
    const std::uint64_t row = n == 1 ? 0 : k * (rows - 1) / (n - 1);
    const std::vector<float> importance = importance_for(job_, tensor, row / tensor.source.dims[1]);
    const auto now = encoder.encode(tensor, row, 1, importance);
    const auto before = job_.reuse->rows(old, row, 1, buffer);
    if (std::memcmp(now.data(), before.data(), now.size()) != 0) return false;
  }
  return true;
}

}  // namespace lathe
