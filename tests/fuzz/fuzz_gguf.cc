// Fuzzes the GGUF reader: whatever the bytes are, they are read within bounds or refused with an
// Error of the kind kBadInput. A file that was accepted is then read through, and its header
// written and parsed again: it must come out the same (metadata and tensors).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_parse.h"
#include "runtime/gguf/gguf_writer.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void read_through(std::span<const std::uint8_t> bytes, const lathe::GgufContents& file) {
  std::uint64_t sum = 0;
  for (const lathe::MetadataEntry& entry : file.metadata) {
    if (const lathe::StringList* list = entry.value.as_strings()) {
      for (const std::string_view s : *list)
        sum += s.empty() ? 0 : static_cast<unsigned char>(s[0]);
    }
    for (const std::byte b : entry.value.raw_bytes()) sum += std::to_integer<unsigned>(b);
  }
  for (const lathe::TensorInfo& t : file.tensors) {
    const auto data = bytes.subspan(t.offset, t.n_bytes);
    sum += data.front() + data.back();
  }
  volatile std::uint64_t sink = sum;  // so that the reads stay
  (void)sink;
}

void check_header_round_trip(const lathe::GgufContents& file) {
  const std::vector<std::uint8_t> header = lathe::gguf_header_bytes(file.metadata, {});
  const lathe::GgufContents again = lathe::parse_gguf(header, "again");
  const std::size_t dropped = file.metadata.has("general.alignment") ? 1 : 0;
  require(again.metadata.size() + dropped == file.metadata.size());
  require(lathe::gguf_header_bytes(again.metadata, {}) == header);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  try {
    const lathe::GgufContents file = lathe::parse_gguf(bytes, "fuzz");
    read_through(bytes, file);
    check_header_round_trip(file);
  } catch (const lathe::Error& error) {
    require(error.kind() == lathe::ErrorKind::kBadInput);
  }
  return 0;
}
