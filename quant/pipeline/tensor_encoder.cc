#include "quant/pipeline/tensor_encoder.h"

#include <fmt/format.h>

#include "runtime/base/error.h"

namespace lathe {

std::vector<float> importance_for(const QuantizeJob& job, const PlannedTensor& tensor,
                                  std::uint64_t mat, std::string* warning) {
  const std::string& name = tensor.source.name;
  const Codec* codec = find_codec(tensor.format);
  if (job.imatrix == nullptr || !tensor.use_importance || codec == nullptr) return {};
  const ImatrixEntry* entry = job.imatrix->find(name);
  if (entry == nullptr) {
    if (warning != nullptr && layer_of_tensor(name) >= 0) {
      *warning = name + ": not in the importance matrix, encoded without";
    }
    return {};
  }
  if (!codec->uses_importance) return {};
  const std::vector<float> raw = entry->importance(mat);
  std::vector<float> prepared(raw.size());
  if (prepare_importance(raw.data(), raw.size(), prepared.data())) return prepared;
  if (warning != nullptr) *warning = name + ": its importance is zero everywhere, encoded without";
  return {};
}

std::span<const std::uint8_t> TensorEncoder::encode(const PlannedTensor& tensor,
                                                    std::uint64_t first, std::uint64_t n,
                                                    std::span<const float> importance) {
  const Codec& codec = *find_codec(tensor.format, tier_);
  const std::size_t stride = row_bytes(tensor.format, tensor.source.cols());
  encoded_.resize(n * stride);
  FirstRow bad;
  decoder_.for_groups(job_.source, tensor.source, {first, n}, [&](const RowGroup& group) noexcept {
    const std::size_t done =
        encode_rows(codec, group.values, importance.empty() ? nullptr : importance.data(),
                    encoded_.data() + (group.first - first) * stride);
    if (done < group.values.rows) bad.note(group.first + done);
  });
  if (const auto row = bad.get()) {
    throw bad_input(
        job_.source.path(),
        fmt::format("tensor {}, row {}: NaN, infinity, or a value beyond what {} "
                    "can hold ({:g})",
                    tensor.source.name, *row, format_name(tensor.format), codec.max_abs));
  }
  return {encoded_.data(), n * stride};
}

}  // namespace lathe
