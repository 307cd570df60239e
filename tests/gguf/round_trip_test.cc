// Reading a file and writing what was read gives the same bytes: that covers every field of both.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "runtime/gguf/gguf_file.h"
#include "runtime/gguf/gguf_writer.h"
#include "tests/support/file_bytes.h"
#include "tests/support/output.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

void copy_model(const GgufFile& in, const std::string& path, std::size_t chunk) {
  GgufWriter out(test::output(path), in.metadata());
  for (const TensorInfo& t : in.tensors()) {
    out.add_tensor(t.name, t.format, std::span(t.dims).first(t.n_dims));
  }
  out.begin();
  for (const TensorInfo& t : in.tensors()) {
    auto data = in.data(t);
    while (!data.empty()) {
      const std::size_t n = std::min(chunk, data.size());
      out.write(data.first(n));
      data = data.subspan(n);
    }
  }
  out.finish();
  EXPECT_EQ(out.total_bytes(), std::filesystem::file_size(path));
}

class RoundTrip : public testing::TestWithParam<const char*> {};

TEST_P(RoundTrip, GivesTheSameBytes) {
  const std::string source = test::source_path("tests/") + GetParam();
  const TempDir dir;
  const std::string copy = dir.file("copy.gguf");
  const GgufFile in = GgufFile::open(source);
  EXPECT_FALSE(in.tensors().empty());
  for (const std::size_t chunk : {std::size_t{1000}, std::size_t{1} << 22}) {
    copy_model(in, copy, chunk);
    EXPECT_TRUE(read_file_bytes(source) == read_file_bytes(copy));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, RoundTrip,
                         testing::Values("data/tiny-llama-f16.gguf", "data/tiny-olmo2-f16.gguf",
                                         "golden/tiny/llama_yarn.gguf",
                                         "golden/tiny/olmo2_gqa.gguf"));

}  // namespace
}  // namespace lathe
