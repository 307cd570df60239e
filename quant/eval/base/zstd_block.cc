#include "quant/eval/base/zstd_block.h"

#include <fmt/format.h>
#include <zstd.h>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr int kLevel = 3;
// A block of 128 KB takes at least 3 bytes: what claims to hold more than this share lies.
constexpr unsigned long long kMaxRatio = 1 << 16;

}  // namespace

std::vector<std::uint8_t> zstd_pack(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> out(ZSTD_compressBound(bytes.size()));
  const std::size_t n = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kLevel);
  if (ZSTD_isError(n)) throw failed(fmt::format("zstd: {}", ZSTD_getErrorName(n)));
  out.resize(n);
  return out;
}

std::vector<std::uint8_t> zstd_unpack(std::span<const std::uint8_t> packed, std::size_t max_bytes,
                                      const std::string& where) {
  const unsigned long long n = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (n == ZSTD_CONTENTSIZE_ERROR || n == ZSTD_CONTENTSIZE_UNKNOWN) {
    throw bad_input(where, "a block that zstd did not write");
  }
  if (n > max_bytes || n / kMaxRatio > packed.size()) {
    throw bad_input(where,
                    fmt::format("a block of {} bytes, at most {} are expected", n, max_bytes));
  }
  std::vector<std::uint8_t> out(n);
  const std::size_t got = ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) || got != n) {
    throw bad_input(where, fmt::format("zstd: {}", ZSTD_isError(got) ? ZSTD_getErrorName(got)
                                                                     : "a block of another size"));
  }
  return out;
}

}  // namespace lathe
