#include "tools/jobs/rehearsal.h"

#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "quant/pipeline/provenance.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {
namespace {

class MemoryFile {
 public:
  MemoryFile() noexcept : fd_(::memfd_create("lathe", MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return fmt::format("/proc/self/fd/{}", fd_); }
  bool resize(std::uint64_t n_bytes) noexcept {
    return fd_ >= 0 && ::ftruncate(fd_, static_cast<off_t>(n_bytes)) == 0;
  }
  bool write(std::span<const std::uint8_t> bytes, std::uint64_t at) noexcept {
    return ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at)) ==
           static_cast<ssize_t>(bytes.size());
  }

 private:
  int fd_;
};

constexpr std::uint64_t aligned(std::uint64_t n) noexcept {
  return (n + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment;
}

// What the file says of its making does not matter here.
Metadata metadata_of(const QuantizeJob& job) {
  QuantizeJob plain = job;
  plain.provenance = false;
  return quantized_metadata(plain);
}

bool fill(MemoryFile& file, const QuantizeJob& job) {
  std::vector<TensorInfo> tensors;
  std::uint64_t n_data = 0;
  for (const PlannedTensor& t : job.plan.tensors) {
    TensorInfo& info = tensors.emplace_back(t.source);
    info.name = t.name;
    info.format = t.format;
    info.n_bytes = t.n_bytes;
    info.offset = n_data;
    n_data += aligned(t.n_bytes);
  }
  const std::vector<std::uint8_t> header = gguf_header_bytes(metadata_of(job), tensors);
  if (!file.resize(header.size() + n_data) || !file.write(header, 0)) return false;
  std::vector<std::uint8_t> buffer;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const PlannedTensor& t = job.plan.tensors[i];
    if (!t.copied() || t.source.rows() != 1) continue;
    buffer.resize(t.n_bytes);
    const auto bytes = job.source.rows(t.source, 0, 1, buffer);
    if (!file.write(bytes, header.size() + tensors[i].offset)) return false;
  }
  return true;
}

}  // namespace

std::string rehearse_load(const QuantizeJob& job) {
  MemoryFile memory;
  if (!job.check_loads || !fill(memory, job)) return {};
  std::optional<GgufFile> file;
  try {
    file = GgufFile::open(memory.path());
  } catch (const Error&) {
    return {};  // no /proc, no memory: the file itself is looked at in the end
  }
  try {
    job.check_loads(*file);
    return {};
  } catch (const Error& error) {
    std::string reason = error.what();
    const std::string name = memory.path() + ": ";
    if (reason.starts_with(name)) reason.erase(0, name.size());
    return "the new file would not load as a model: " + reason;
  }
}

}  // namespace lathe
