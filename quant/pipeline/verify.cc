#include "quant/pipeline/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "quant/pipeline/tensor_encoder.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "runtime/decode_rows.h"
#include "runtime/gguf/gguf_file.h"

namespace lathe {
namespace {

constexpr std::uint64_t kSampledRows = 16;

// The sum is of zeros, unless something is not finite.
bool all_finite(const float* x, std::size_t n) noexcept {
  float sum = 0.0f;
  for (std::size_t i = 0; i < n; ++i) sum += x[i] * 0.0f;
  return sum == 0.0f;
}

class Verifier {
 public:
  Verifier(const QuantizeJob& job, const std::string& path, const KernelTable& kernels,
           ThreadPool& pool)
      : job_(job),
        path_(path),
        kernels_(kernels),
        decoder_(kernels, pool),
        out_(GgufFile::open(path, kTemporarySuffix)) {}

  std::vector<TensorError> run() {
    if (out_.tensors().size() != job_.plan.tensors.size()) fail("wrong number of tensors");
    std::vector<TensorError> errors;
    for (const PlannedTensor& planned : job_.plan.tensors) {
      const TensorInfo& written = checked_tensor(planned);
      check_values(written);
      if (!planned.copied()) errors.push_back(sampled_error(planned, written));
    }
    return errors;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw failed(fmt::format("{}: the new file does not verify: {}", path_, what));
  }

  const TensorInfo& checked_tensor(const PlannedTensor& planned) const {
    const TensorInfo* written = out_.find(planned.name);
    if (written == nullptr) fail(planned.name + " is missing");
    if (written->format != planned.format || written->dims != planned.source.dims ||
        written->n_bytes != planned.n_bytes) {
      fail(planned.name + " has another format or shape than planned");
    }
    return *written;
  }

  // Decodes everything: a block that is no block shows as a value that is not finite.
  void check_values(const TensorInfo& written) {
    FirstRow bad;
    decoder_.for_groups(out_, written, [&](const RowGroup& group) noexcept {
      for (std::size_t r = 0; r < group.values.rows; ++r) {
        if (!all_finite(group.values.row(r), group.values.cols)) bad.note(group.first + r);
      }
    });
    if (const auto row = bad.get()) {
      fail(fmt::format("{}, row {}: values that are not finite", written.name, *row));
    }
  }

  TensorError sampled_error(const PlannedTensor& planned, const TensorInfo& written) const {
    const TensorInfo& source = planned.source;
    const std::size_t cols = source.cols();
    std::vector<float> x(cols), y(cols), importance;
    double error = 0.0, energy = 0.0, weighted_error = 0.0, weighted_energy = 0.0;
    const std::uint64_t n = std::min(kSampledRows, source.rows());
    for (std::uint64_t k = 0; k < n; ++k) {
      const std::uint64_t row = k * source.rows() / n;
      decode_row(job_.source, source, row, x);
      decode_row(out_, written, row, y);
      importance = importance_for(job_, planned, row / source.dims[1]);
      for (std::size_t i = 0; i < cols; ++i) {
        const double e = static_cast<double>(y[i]) - x[i], e2 = e * e;
        const double x2 = static_cast<double>(x[i]) * x[i];
        error += e2;
        energy += x2;
        if (importance.empty()) continue;
        weighted_error += importance[i] * e2;
        weighted_energy += importance[i] * x2;
      }
    }
    TensorError out{planned.name, planned.reason, planned.format};
    out.relative_rms = energy > 0.0 ? std::sqrt(error / energy) : 0.0;
    if (weighted_energy > 0.0) out.weighted = std::sqrt(weighted_error / weighted_energy);
    out.source_quantized = format_info(source.format).group != 0;
    return out;
  }

  void decode_row(const TensorSource& source, const TensorInfo& info, std::uint64_t row,
                  std::vector<float>& out) const {
    std::vector<std::uint8_t> buffer(row_bytes(info.format, out.size()));
    kernels_.decode[index_of(info.format)](source.rows(info, row, 1, buffer).data(), out.size(),
                                           out.data());
  }

  const QuantizeJob& job_;
  const std::string& path_;
  const KernelTable& kernels_;
  RowDecoder decoder_;
  GgufFile out_;
};

}  // namespace

std::vector<TensorError> verify_quantized(const QuantizeJob& job, const std::string& path,
                                          const KernelTable& kernels, ThreadPool& pool) {
  return Verifier(job, path, kernels, pool).run();
}

}  // namespace lathe
