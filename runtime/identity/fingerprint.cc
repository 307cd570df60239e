#include "runtime/identity/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/digest.h"

namespace lathe {
namespace {

constexpr std::size_t kSampleBytes = 4096;

}  // namespace

std::string model_fingerprint(const GgufFile& file) {
  Sha256 hash;
  for (const TensorInfo& info : file.tensors()) {
    const std::string line = fmt::format("{} {} {} {} {} {}\n", info.name, format_name(info.format),
                                         info.dims[0], info.dims[1], info.dims[2], info.dims[3]);
    hash.update({reinterpret_cast<const std::uint8_t*>(line.data()), line.size()});
    const auto data = file.data(info);
    hash.update(data.first(std::min(data.size(), kSampleBytes)));
  }
  return hash.hex();
}

std::string metadata_fingerprint(const GgufFile& file) {
  if (file.files().empty()) return {};
  const auto bytes = file.files().front().bytes();
  std::uint64_t end = bytes.size();
  for (const TensorInfo& info : file.tensors()) {
    if (info.file_index == 0) end = std::min(end, info.offset);
  }
  return sha256_hex(bytes.first(static_cast<std::size_t>(end)));
}

}  // namespace lathe
