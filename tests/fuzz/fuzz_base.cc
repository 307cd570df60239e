// Fuzzes base files of divergences, both kinds: any bytes are refused with an Error of the kind
// kBadInput, or are a base from which every divergence can be taken.
#include <unistd.h>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "quant/eval/base/compact_base.h"
#include "quant/eval/base/divergence_base.h"
#include "runtime/base/error.h"

namespace {

constexpr std::size_t kMostWork = 1 << 22;  // tokens times vocabulary: what is worth going through

void check(lathe::DivergenceBase& base) {
  const lathe::BaseText& text = base.text();
  if (text.tokens.size() != text.n_ctx * text.n_chunks) std::abort();
  if (text.n_vocab > kMostWork / (text.tokens.size() + 1)) return;
  const std::vector<float> logits(text.n_vocab, 0.5f);
  for (std::size_t chunk = 0; chunk < text.n_chunks; ++chunk) {
    base.prepare(chunk);
    for (std::size_t row = 0; row < text.n_rows(); ++row) {
      base.divergence(chunk, row, logits.data(), text.tokens.front());
    }
  }
}

// Files of logits are only read mapped.
std::string as_file(const std::uint8_t* data, std::size_t size) {
  static const std::string path = "/tmp/lathe-fuzz-base-" + std::to_string(::getpid());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  return path;
}

template <typename Open>
void refused_or_checked(Open open) {
  try {
    check(*open());
  } catch (const lathe::Error& error) {
    if (error.kind() != lathe::ErrorKind::kBadInput) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  refused_or_checked([&] { return lathe::parse_compact_base({data, data + size}, "fuzz"); });
  const std::string path = as_file(data, size);
  refused_or_checked([&] { return lathe::open_divergence_base(path); });
  std::remove(path.c_str());
  return 0;
}
