#include "quant/pipeline/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "quant/calibrate/use_calibration.h"
#include "quant/codecs/error_limit.h"
#include "quant/pipeline/tensor_encoder.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/base/finite.h"
#include "runtime/decode_rows.h"
#include "runtime/gguf/gguf_file.h"

namespace lathe {
namespace {

constexpr std::uint64_t kSampledRows = 16;
constexpr std::uint64_t kChunkElements = 8U << 20;  // between two calls of the progress

class Verifier {
 public:
  Verifier(const QuantizeJob& job, const WrittenModel& written, const KernelTable& kernels,
           ThreadPool& pool, const std::function<void(const QuantizeProgress&)>& progress)
      : job_(job),
        model_(written),
        kernels_(kernels),
        decoder_(kernels, pool),
        out_(GgufFile::open(written.path, kTemporarySuffix)),
        report_(progress) {
    progress_.phase = QuantizePhase::kVerify;
    progress_.elements_total = job.plan.n_elements();
  }

  Verification run() {
    Verification result;
    if (out_.tensors().size() != job_.plan.tensors.size()) fail("wrong number of tensors");
    result.note = check_loads();
    for (const PlannedTensor& planned : job_.plan.tensors) {
      progress_.tensor = &planned;
      report(0);
      const TensorInfo& written = checked_tensor(planned);
      check_contents(planned, written);
      if (!planned.copied()) result.errors.push_back(checked_error(planned, written));
      job_.source.done_with(planned.source);
      out_.done_with(written);
      ++progress_.n_tensors_done;
    }
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw failed(fmt::format("{}: the new file does not verify: {}", model_.path, what));
  }

  void report(std::uint64_t n_elements) {
    progress_.elements_done += n_elements;
    report_(progress_);
  }

  std::string check_loads() const {
    if (!job_.check_loads) return {};
    try {
      return job_.check_loads(out_);
    } catch (const Error& error) {
      fail(fmt::format("it does not load as a model: {}", error.what()));
    }
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

  void check_contents(const PlannedTensor& planned, const TensorInfo& written) {
    const std::uint64_t chunk = std::max<std::uint64_t>(1, kChunkElements / written.cols());
    Sha256 digest;
    for (std::uint64_t row = 0; row < written.rows(); row += chunk) {
      const RowRange range{row, std::min(chunk, written.rows() - row)};
      check_finite(written, range);
      if (planned.copied()) {
        compare(planned, written, range);
      } else {
        digest.update(out_.rows(written, range.first, range.n, {}));
      }
      job_.source.done_with(planned.source);
      out_.done_with(written);
      report(range.n * written.cols());
    }
    if (planned.copied()) return;
    const auto expected = model_.sha256.find(planned.name);
    if (expected == model_.sha256.end() || digest.hex() != expected->second) {
      fail(planned.name + ": its bytes are not those that were written");
    }
  }

  // A block that is no block shows as a value that is not finite.
  void check_finite(const TensorInfo& written, RowRange range) {
    FirstRow bad;
    decoder_.for_groups(out_, written, range, [&](const RowGroup& group) noexcept {
      for (std::size_t r = 0; r < group.values.rows; ++r) {
        if (!all_finite(group.values.row(r), group.values.cols)) bad.note(group.first + r);
      }
    });
    if (const auto row = bad.get()) {
      fail(fmt::format("{}, row {}: values that are not finite", written.name, *row));
    }
  }

  void compare(const PlannedTensor& planned, const TensorInfo& written, RowRange range) {
    const std::size_t stride = row_bytes(written.format, written.cols());
    buffer_.resize(range.n * stride);
    const auto want = job_.source.rows(planned.source, range.first, range.n, buffer_);
    const auto found = out_.rows(written, range.first, range.n, {});
    const auto at = std::mismatch(want.begin(), want.end(), found.begin(), found.end()).first;
    if (at == want.end()) return;
    const auto row = range.first + static_cast<std::uint64_t>(at - want.begin()) / stride;
    fail(
        fmt::format("{}, row {}: differs from the source that it is a copy of", written.name, row));
  }

  // Calibration moves weights on purpose: to take back what others have lost.
  double error_slack(const PlannedTensor& planned) const noexcept {
    constexpr double kCalibrated = 4.0;
    return job_.calibration != nullptr && UsedCalibration::decides(planned) ? kCalibrated : 1.0;
  }

  TensorError checked_error(const PlannedTensor& planned, const TensorInfo& written) const {
    const TensorInfo& source = planned.source;
    std::vector<float> x(source.cols()), y(source.cols());
    EncodingError error(planned.format);
    const std::uint64_t n = std::min(kSampledRows, source.rows());
    for (std::uint64_t k = 0; k < n; ++k) {
      const std::uint64_t row = k * source.rows() / n;
      decode_row(job_.source, source, row, x);
      decode_row(out_, written, row, y);
      error.add_row(x, y, importance_for(job_, planned, row / source.dims[1]));
    }
    if (error.too_large(error_slack(planned))) {
      fail(fmt::format("{}: an error of {:.1f} %, which {} does not explain", planned.name,
                       100.0 * error.relative_rms(), format_name(planned.format)));
    }
    TensorError out{planned.name, planned.reason, planned.format};
    out.relative_rms = error.relative_rms();
    out.weighted = error.weighted_rms();
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
  const WrittenModel& model_;
  const KernelTable& kernels_;
  RowDecoder decoder_;
  GgufFile out_;
  const std::function<void(const QuantizeProgress&)>& report_;
  QuantizeProgress progress_;
  std::vector<std::uint8_t> buffer_;  // rows that the source makes
};

}  // namespace

Verification verify_quantized(const QuantizeJob& job, const WrittenModel& written,
                              const KernelTable& kernels, ThreadPool& pool,
                              const std::function<void(const QuantizeProgress&)>& progress) {
  return Verifier(job, written, kernels, pool, progress).run();
}

}  // namespace lathe
