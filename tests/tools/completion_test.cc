// The job of `lathe run` on models that give no numbers.
#include "tools/jobs/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "runtime/gguf/gguf_file.h"
#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// The packaged model, with NaN as the first value of a tensor of float32.
std::string spoiled(const TempDir& dir, const char* tensor) {
  const std::string source = test::source_path("tests/data/tiny-llama-f16.gguf");
  const std::string path = dir.file("spoiled.gguf");
  std::filesystem::copy_file(source, path);
  const std::uint64_t offset = GgufFile::open(source).require(tensor).offset;
  const float nan = std::nanf("");
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file.write(reinterpret_cast<const char*>(&nan), sizeof nan);
  return path;
}

TEST(Completion, AModelThatMakesNanIsStoppedAndTheWeightIsNamed) {
  for (const char* tensor : {"blk.1.attn_norm.weight", "output_norm.weight"}) {
    const TempDir dir;
    CompletionRequest request;
    request.engine.model = spoiled(dir, tensor);
    request.engine.n_threads = 1;
    request.prompt = "The old man";
    request.generation.n_predict = 4;
    std::string text;
    GenerationCallbacks callbacks;
    callbacks.on_text = [&](std::string_view piece) { text += piece; };
    EXPECT_THAT(message_of([&] { complete(request, callbacks, {}); }, ErrorKind::kFailed),
                AllOf(HasSubstr("the output of the model is not finite"),
                      HasSubstr(std::string(tensor) + " holds 1 value that is not finite")));
    EXPECT_EQ(text, "");
  }
}

}  // namespace
}  // namespace lathe
