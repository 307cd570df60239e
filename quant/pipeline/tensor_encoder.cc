#include "quant/pipeline/tensor_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"

namespace lathe {
namespace {

constexpr std::uint64_t kGroupElements = 64U << 10;  // of one thread at a time

}  // namespace

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
  const TensorInfo& source = tensor.source;
  const std::size_t cols = source.cols();
  const std::size_t in_stride = row_bytes(source.format, cols);
  const std::size_t out_stride = row_bytes(tensor.format, cols);
  const std::size_t group = std::max<std::size_t>(1, kGroupElements / cols);
  const std::uint8_t* in = job_.source.data(source).data() + first * in_stride;
  const Codec& codec = *find_codec(tensor.format, kernels_.tier);
  const DecodeFn decode = kernels_.decode[index_of(source.format)];
  encoded_.resize(n * out_stride);
  decoded_.resize(static_cast<std::size_t>(pool_.size()) * group * cols);

  std::atomic<std::uint64_t> bad{n};  // the first row that could not be encoded
  pool_.for_each((n + group - 1) / group, [&](std::size_t g, int thread) noexcept {
    const std::size_t begin = g * group, rows = std::min<std::size_t>(group, n - begin);
    float* x = decoded_.data() + static_cast<std::size_t>(thread) * group * cols;
    decode(in + begin * in_stride, rows * cols, x);
    const std::size_t done =
        encode_rows(codec, {x, rows, cols}, importance.empty() ? nullptr : importance.data(),
                    encoded_.data() + begin * out_stride);
    if (done == rows) return;
    std::uint64_t seen = bad.load();
    while (begin + done < seen && !bad.compare_exchange_weak(seen, begin + done)) {
    }
  });
  if (bad < n) {
    throw bad_input(
        job_.source.path(),
        fmt::format("tensor {}, row {}: NaN, infinity, or a value beyond what {} "
                    "can hold ({:g})",
                    source.name, first + bad, format_name(tensor.format), codec.max_abs));
  }
  return {encoded_.data(), n * out_stride};
}

}  // namespace lathe
