#include "quant/quantize_verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"

namespace lathe {
namespace {

constexpr std::uint64_t kSampledRows = 16;

[[noreturn]] void fail(const QuantizeJob& job, const std::string& what) {
  throw failed(fmt::format("{}: the new file does not verify: {}", job.out_path, what));
}

const TensorInfo& checked_tensor(const QuantizeJob& job, const GgufFile& out,
                                 const PlannedTensor& planned) {
  const TensorInfo* written = out.find(planned.name);
  if (written == nullptr) fail(job, planned.name + " is missing");
  if (written->format != planned.format || written->dims != planned.source.dims ||
      written->n_bytes != planned.n_bytes) {
    fail(job, planned.source.name + " has another format or shape than planned");
  }
  return *written;
}

// Adds the squared error and energy of one row.
void add_row(const QuantizeJob& job, const KernelTable& kernels, const GgufFile& out,
             const TensorInfo& source, const TensorInfo& written, std::uint64_t row, double* error,
             double* energy) {
  const std::size_t cols = source.cols();
  std::vector<float> x(cols), y(cols);
  kernels.decode[index_of(source.format)](
      job.source.data(source).data() + row * row_bytes(source.format, cols), cols, x.data());
  kernels.decode[index_of(written.format)](
      out.data(written).data() + row * row_bytes(written.format, cols), cols, y.data());
  for (std::size_t i = 0; i < cols; ++i) {
    if (!std::isfinite(y[i])) fail(job, fmt::format("{}, row {}: not finite", source.name, row));
    const double e = static_cast<double>(y[i]) - x[i];
    *error += e * e;
    *energy += static_cast<double>(x[i]) * x[i];
  }
}

TensorError sampled_error(const QuantizeJob& job, const KernelTable& kernels, const GgufFile& out,
                          const TensorInfo& source, const TensorInfo& written) {
  double error = 0.0, energy = 0.0;
  const std::uint64_t n = std::min(kSampledRows, source.rows());
  for (std::uint64_t k = 0; k < n; ++k) {
    add_row(job, kernels, out, source, written, k * source.rows() / n, &error, &energy);
  }
  return {source.name, energy > 0.0 ? std::sqrt(error / energy) : 0.0};
}

}  // namespace

std::vector<TensorError> verify_quantized(const QuantizeJob& job, const KernelTable& kernels) {
  const GgufFile out = GgufFile::open(job.out_path);
  if (out.tensors().size() != job.plan.tensors.size()) fail(job, "wrong number of tensors");
  std::vector<TensorError> errors;
  for (const PlannedTensor& planned : job.plan.tensors) {
    const TensorInfo& written = checked_tensor(job, out, planned);
    if (planned.copied()) continue;
    errors.push_back(sampled_error(job, kernels, out, planned.source, written));
  }
  return errors;
}

}  // namespace lathe
