#include "tests/gguf/malformed.h"

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/gguf/allocation_watch.h"

namespace lathe {

void expect_refused(const MalformedFile& file) {
  std::vector<std::uint8_t> bytes = file.bytes();
  const std::size_t size = bytes.size();
  reset_largest_allocation();
  try {
    GgufFile::from_bytes(std::move(bytes), "bad.gguf");
    ADD_FAILURE() << file.name << " was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), testing::StartsWith("bad.gguf: "));
    EXPECT_THAT(error.what(), testing::HasSubstr(file.message));
  }
  EXPECT_LE(largest_allocation(), 64 * size + 4096) << "for a file of " << size << " bytes";
}

}  // namespace lathe
