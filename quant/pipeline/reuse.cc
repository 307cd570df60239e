#include "quant/pipeline/reuse.h"

#include <fmt/format.h>

#include <utility>

#include "runtime/base/error.h"
#include "runtime/tensor_source.h"

namespace lathe {

ReusableTensors::ReusableTensors(const QuantizeJob& job, InputsByTensor inputs)
    : job_(job), now_(std::move(inputs)) {
  if (job.reuse == nullptr) return;
  const Metadata& metadata = job.reuse->metadata();
  before_ = read_tensor_inputs(metadata);
  if (!metadata.has(kEncoderKey)) {
    general_obstacle_ = "it does not say how it was made";
  } else if (metadata.require_uint(kEncoderKey) != kEncoderVersion) {
    general_obstacle_ = "it was made by another version of the encoders";
  } else if (before_.empty()) {
    general_obstacle_ = "it does not say from which bytes its tensors were made";
  }
  if (!general_obstacle_.empty()) return;
  source_pruned_ = pruned_layers(job.source.metadata());
  old_pruned_ = pruned_layers(metadata);
}

const TensorInfo* ReusableTensors::find(const PlannedTensor& tensor) {
  if (job_.reuse == nullptr || !general_obstacle_.empty() || tensor.copied()) return nullptr;
  const std::string& name = tensor.source.name;
  std::string old_name = name;
  if (const int layer = layer_of_tensor(name); layer >= 0) {
    const auto there = layer_after_pruning(original_layer(layer, source_pruned_), old_pruned_);
    old_name = there ? with_layer(name, *there) : std::string{};
  }
  const TensorInfo* old = job_.reuse->find(old_name);
  const std::string reason = obstacle(tensor, old, old_name);
  if (reason.empty()) return old;
  ++counts_[reason];
  return nullptr;
}

std::string ReusableTensors::obstacle(const PlannedTensor& tensor, const TensorInfo* old,
                                      const std::string& old_name) const {
  if (old == nullptr) return "not in it";
  if (old->dims != tensor.source.dims) return "of another shape there";
  if (old->format != tensor.format) return "of another type there";
  const auto before = before_.find(old_name);
  const auto now = now_.find(tensor.name);
  if (before == before_.end() || now == now_.end()) return "of unknown origin there";
  if (before->second.source != now->second.source) return "made from other source bytes";
  if (before->second.importance != now->second.importance) return "made with other importance";
  return {};
}

std::vector<std::string> ReusableTensors::obstacles() const {
  if (job_.reuse == nullptr) return {};
  if (!general_obstacle_.empty()) {
    return {fmt::format("{}: {}, so nothing is reused", job_.reuse->path(), general_obstacle_)};
  }
  std::vector<std::string> out;
  for (const auto& [reason, n] : counts_) {
    out.push_back(fmt::format("{}: {} {} not reused: {}", job_.reuse->path(), n,
                              n == 1 ? "tensor was" : "tensors were", reason));
  }
  return out;
}

}  // namespace lathe
