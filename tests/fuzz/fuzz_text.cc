// Fuzzes texts: the first byte says whether the file is called .txt or .jsonl, the rest is the
// file, which is plain or compressed. Any bytes are refused with an Error of the kind kBadInput, or
// are a text; that of JSON lines is UTF-8 and ends each document with a line end.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "runtime/base/error.h"
#include "runtime/text/text_file.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool lines = data[0] % 2 != 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    const std::string text = lathe::text_of_file(bytes, lines ? "a.jsonl" : "a.txt");
    require(!lines || text.empty() || text.ends_with('\n'));
    require(lines || bytes.starts_with("\x28\xb5\x2f\xfd") || text == bytes);
  } catch (const lathe::Error& error) {
    require(error.kind() == lathe::ErrorKind::kBadInput);
  }
  return 0;
}
