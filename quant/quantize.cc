#include "quant/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <utility>

#include "quant/codecs/codec.h"
#include "quant/quantize_verify.h"
#include "runtime/base/aligned_buffer.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kChunkElements = 8U << 20;   // decoded and encoded between two writes
constexpr std::uint64_t kGroupElements = 64U << 10;  // of one thread at a time
constexpr std::uint64_t kCopyBytes = 16U << 20;
constexpr std::uint64_t kDiskReserve = 1U << 20;

void check_paths(const QuantizeJob& job) {
  std::error_code ignored;
  for (const MappedFile& file : job.source.files()) {
    if (fs::equivalent(file.path(), job.out_path, ignored)) {
      throw usage_error(job.out_path + ": the output is the model that is read");
    }
  }
}

void check_disk_space(const std::string& out_path, std::uint64_t need) {
  fs::path folder = fs::path(out_path).parent_path();
  if (folder.empty()) folder = ".";
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error || space.available >= need + kDiskReserve) return;
  throw failed(fmt::format("{}: {:.1f} MB are needed, {:.1f} MB are free on that disk", out_path,
                           static_cast<double>(need) / 1e6,
                           static_cast<double>(space.available) / 1e6));
}

// One run of the pipeline: buffers and counters.
class Pipeline {
 public:
  Pipeline(const QuantizeJob& job, const KernelTable& kernels, ThreadPool& pool)
      : job_(job), kernels_(kernels), pool_(pool) {
    progress_.elements_total = job.plan.n_elements();
  }

  QuantizeResult run() {
    GgufWriter out(job_.out_path, quantized_metadata(job_));
    for (const PlannedTensor& t : job_.plan.tensors) {
      out.add_tensor(t.name, t.format, {t.source.dims.data(), t.source.n_dims});
    }
    out.begin();
    check_disk_space(job_.out_path, out.total_bytes());
    for (std::size_t i = 0; i < job_.plan.tensors.size(); ++i) {
      progress_.index = i;
      progress_.tensor = &job_.plan.tensors[i];
      report(0);
      if (progress_.tensor->copied()) {
        copy(out);
      } else {
        encode(out);
      }
    }
    out.finish();
    result_.file_bytes = out.total_bytes();
    return std::move(result_);
  }

 private:
  const PlannedTensor& tensor() const noexcept { return *progress_.tensor; }

  void report(std::uint64_t n_elements) {
    progress_.elements_done += n_elements;
    if (job_.progress && !job_.progress(progress_)) {
      throw failed(job_.out_path + ": stopped, nothing was written");
    }
  }

  void copy(GgufWriter& out) {
    std::span<const std::uint8_t> bytes = job_.source.data(tensor().source);
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min<std::size_t>(bytes.size(), kCopyBytes));
      out.write(piece);
      bytes = bytes.subspan(piece.size());
    }
    report(tensor().source.n_elements());
  }

  void encode(GgufWriter& out) {
    const TensorInfo& source = tensor().source;
    const std::uint64_t rows_per_mat = source.dims[1];
    const std::uint64_t n_mat = source.dims[2] * source.dims[3];
    const std::uint64_t chunk_rows = std::max<std::uint64_t>(1, kChunkElements / source.cols());
    for (std::uint64_t mat = 0; mat < n_mat; ++mat) {
      const std::vector<float> importance = importance_of(mat);
      for (std::uint64_t row = 0; row < rows_per_mat; row += chunk_rows) {
        const std::uint64_t n = std::min(chunk_rows, rows_per_mat - row);
        encode_chunk(mat * rows_per_mat + row, n, importance);
        out.write({encoded_.data(), n * row_bytes(tensor().format, source.cols())});
        report(n * source.cols());
      }
    }
  }

  // Prepared for encoders; empty when there is none to use.
  std::vector<float> importance_of(std::uint64_t mat) {
    if (!tensor().use_importance) return {};
    const std::string& name = tensor().source.name;
    const ImatrixEntry* entry = job_.imatrix == nullptr ? nullptr : job_.imatrix->find(name);
    if (entry == nullptr || !find_codec(tensor().format)->uses_importance) {
      if (entry == nullptr && job_.imatrix != nullptr && layer_of_tensor(name) >= 0 && mat == 0) {
        result_.warnings.push_back(name + ": not in the importance matrix, encoded without");
      }
      return {};
    }
    const std::vector<float> raw = entry->importance(mat);
    std::vector<float> prepared(raw.size());
    if (prepare_importance(raw.data(), raw.size(), prepared.data())) return prepared;
    result_.warnings.push_back(name + ": its importance is zero everywhere, encoded without");
    return {};
  }

  // Rows [first, first + n) of the current tensor to encoded_.
  void encode_chunk(std::uint64_t first, std::uint64_t n, const std::vector<float>& importance) {
    const TensorInfo& source = tensor().source;
    const std::size_t cols = source.cols();
    const std::size_t in_stride = row_bytes(source.format, cols);
    const std::size_t out_stride = row_bytes(tensor().format, cols);
    const std::size_t group = std::max<std::size_t>(1, kGroupElements / cols);
    const std::uint8_t* in = job_.source.data(source).data() + first * in_stride;
    const Codec& codec = *find_codec(tensor().format, kernels_.tier);
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
                      source.name, first + bad, format_name(tensor().format), codec.max_abs));
    }
  }

  const QuantizeJob& job_;
  const KernelTable& kernels_;
  ThreadPool& pool_;
  QuantizeProgress progress_;
  QuantizeResult result_;
  std::vector<float> decoded_;         // one group per thread
  std::vector<std::uint8_t> encoded_;  // one chunk
};

}  // namespace

QuantizeResult quantize(const QuantizeJob& job, const KernelTable& kernels, ThreadPool& pool) {
  const std::vector<std::string> problems = plan_problems(job);
  if (!problems.empty()) {
    throw usage_error(problems.size() == 1
                          ? problems.front()
                          : fmt::format("{} (and {} more)", problems.front(), problems.size() - 1));
  }
  check_paths(job);
  QuantizeResult result = Pipeline(job, kernels, pool).run();
  try {
    result.errors = verify_quantized(job, kernels);
  } catch (...) {
    std::error_code ignored;
    fs::remove(job.out_path, ignored);
    throw;
  }
  return result;
}

}  // namespace lathe
