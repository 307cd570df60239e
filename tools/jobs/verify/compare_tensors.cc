#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>

#include "quant/codecs/codec.h"
#include "quant/codecs/error_limit.h"
#include "runtime/base/error.h"
#include "runtime/base/finite.h"
#include "runtime/base/quote.h"
#include "runtime/decode_rows.h"
#include "runtime/gguf/shape_text.h"
#include "tools/jobs/verify/verify.h"

namespace lathe {
namespace {

// Encoders that follow calibration move weights on purpose.
constexpr double kSlack = 4.0;
constexpr std::uint64_t kSampledRows = 64;  // of a closer look

bool is_float(Format format) noexcept { return format_info(format).group == 0; }

// How a tensor came out.
struct TensorError {
  bool exact = true;        // as rounding gives it
  bool too_large = false;   // more than the format explains
  bool not_finite = false;  // values that are no numbers
  double relative_rms = 0.0;
};

class Comparer {
 public:
  Comparer(const GgufFile& found, const CheckpointSource& expected, const KernelTable& kernels,
           ThreadPool& pool)
      : found_(found), expected_(expected), kernels_(kernels), pool_(pool) {}

  // All rows, by all threads.
  TensorError compare(const TensorInfo& have, const TensorInfo& want) {
    const std::size_t cols = want.cols(), group = rows_in_group(cols);
    const Codec* codec = find_codec(have.format);
    std::mutex mutex;
    TensorError out;
    EncodingError total(have.format);
    pool_.for_each(row_groups(want.rows(), cols), [&](std::size_t g, int) noexcept {
      const std::uint64_t first = g * group;
      const std::uint64_t n = std::min<std::uint64_t>(group, want.rows() - first);
      Rows rows(n, cols, have.format);
      read(expected_, want, first, n, rows.want, rows.buffer);
      const auto blocks = read(found_, have, first, n, rows.have, rows.other_buffer);
      bool exact = false;
      if (codec != nullptr && is_float(have.format)) {
        exact =
            encode_rows(*codec, {rows.want.data(), n, cols}, nullptr, rows.encoded.data()) == n &&
            std::memcmp(rows.encoded.data(), blocks.data(), rows.encoded.size()) == 0;
      }
      const std::lock_guard lock(mutex);
      out.exact = out.exact && exact;
      if (exact) return;
      for (std::uint64_t r = 0; r < n; ++r) {
        const std::span have_row(rows.have.data() + r * cols, cols);
        if (!all_finite(have_row.data(), cols)) out.not_finite = true;
        total.add_row({rows.want.data() + r * cols, cols}, have_row, {});
      }
    });
    if (out.exact) return out;
    out.too_large = total.too_large(kSlack) || out.not_finite;
    out.relative_rms = total.relative_rms();
    return out;
  }

  // Whether the rows fit when those of the file are taken as heads that were not paired.
  bool fits_unpaired(const TensorInfo& have, const TensorInfo& want, std::uint64_t head_dim) const {
    if (head_dim == 0 || want.rows() % head_dim != 0) return false;
    EncodingError error(have.format);
    Rows rows(1, want.cols(), have.format);
    const std::uint64_t n = std::min(kSampledRows, want.rows());
    for (std::uint64_t k = 0; k < n; ++k) {
      const std::uint64_t row = k * want.rows() / n;
      read(expected_, want, row, 1, rows.want, rows.buffer);
      read(found_, have, row_before_pairing(row, head_dim), 1, rows.have, rows.other_buffer);
      error.add_row(rows.want, rows.have, {});
    }
    return !error.too_large(kSlack);
  }

 private:
  struct Rows {
    Rows(std::uint64_t n, std::size_t cols, Format format)
        : want(n * cols), have(n * cols), encoded(n * row_bytes(format, cols)) {}
    std::vector<float> want, have;
    std::vector<std::uint8_t> encoded, buffer, other_buffer;
  };

  std::span<const std::uint8_t> read(const TensorSource& file, const TensorInfo& info,
                                     std::uint64_t first, std::uint64_t n, std::vector<float>& out,
                                     std::vector<std::uint8_t>& buffer) const {
    buffer.resize(n * row_bytes(info.format, info.cols()));
    const auto blocks = file.rows(info, first, n, buffer);
    kernels_.decode[index_of(info.format)](blocks.data(), n * info.cols(), out.data());
    return blocks;
  }

  const GgufFile& found_;
  const CheckpointSource& expected_;
  const KernelTable& kernels_;
  ThreadPool& pool_;
};

// The head of a model whose head is the embedding need not stand there.
bool may_be_absent(const TensorInfo& want, const CheckpointSource& expected) {
  const TensorInfo* embedding = expected.find("token_embd.weight");
  return want.name == "output.weight" && embedding != nullptr &&
         embedding->file_index == want.file_index && embedding->offset == want.offset;
}

std::string problem_of(const TensorError& error, const TensorInfo& have) {
  if (error.not_finite) return "holds values that are not finite";
  return fmt::format("is not the checkpoint's: an error of {:.1f} %, which {} does not explain",
                     100.0 * error.relative_rms, format_name(have.format));
}

void note(const TensorError& error, const TensorInfo& have,
          std::map<Format, VerifiedFormat>& formats) {
  VerifiedFormat& format = formats[have.format];
  format.format = have.format;
  ++format.n_tensors;
  if (error.exact) ++format.n_exact;
  if (error.relative_rms <= format.worst_rms) return;
  format.worst_rms = error.relative_rms;
  format.worst = have.name;
}

}  // namespace

void compare_tensors(const GgufFile& found, const CheckpointSource& expected,
                     const KernelTable& kernels, ThreadPool& pool, const VerifyProgress& progress,
                     ModelComparison& out) {
  Comparer comparer(found, expected, kernels, pool);
  std::map<Format, VerifiedFormat> formats;
  std::uint64_t total = 0, done = 0;
  for (const TensorInfo& want : expected.tensors()) total += want.n_elements();
  const auto differs = [&](const std::string& name, std::string what) {
    out.differences.push_back({name, std::move(what), true});
  };
  for (const TensorInfo& want : expected.tensors()) {
    if (progress && !progress(static_cast<double>(done) / static_cast<double>(total), want.name)) {
      throw failed(out.model + ": stopped");
    }
    done += want.n_elements();
    const TensorInfo* have = found.find(want.name);
    if (have == nullptr) {
      if (!may_be_absent(want, expected)) differs(want.name, "is missing");
      continue;
    }
    ++out.n_tensors;
    if (have->dims != want.dims) {
      differs(want.name,
              fmt::format("has the shape {}, expected {}", shape_text(*have), shape_text(want)));
      continue;
    }
    const TensorError error = comparer.compare(*have, want);
    found.done_with(*have);
    expected.done_with(want);
    if (error.too_large) {
      const std::uint64_t head_dim = expected.described(want).head_dim;
      const bool unpaired = comparer.fits_unpaired(*have, want, head_dim);
      differs(want.name, unpaired
                             ? "has the rows of each head in the checkpoint's order: they were "
                               "not permuted, and the rotation needs that"
                             : problem_of(error, *have));
      continue;
    }
    if (!error.exact && is_float(have->format)) {
      out.differences.push_back(
          {want.name,
           fmt::format("is not rounded to {} as expected (relative error {:.2g})",
                       format_name(have->format), error.relative_rms),
           error.relative_rms > 1e-2});
    }
    note(error, *have, formats);
  }
  for (const TensorInfo& have : found.tensors()) {
    if (expected.find(have.name) == nullptr) differs(have.name, "is not in the checkpoint");
  }
  for (auto& [id, format] : formats) out.formats.push_back(std::move(format));
}

}  // namespace lathe
