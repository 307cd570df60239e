// Files that must open: both versions, files without tensors or architecture, split models, large
// vocabularies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

TEST(Reader, BothVersions) {
  for (const std::uint32_t version : {2U, 3U}) {
    GgufBuilder b;
    b.version = version;
    b.kv_text("general.architecture", "llama").f32_tensor("t", {4, 3});
    const GgufFile file = GgufFile::from_bytes(b.build(), "m.gguf");
    EXPECT_EQ(file.version(), version);
    EXPECT_EQ(file.metadata().require_text("general.architecture"), "llama");
    const TensorInfo& t = file.require("t");
    EXPECT_EQ(t.cols(), 4U);
    EXPECT_EQ(t.rows(), 3U);
    EXPECT_EQ(t.n_dims, 2U);
    EXPECT_EQ(t.n_bytes, 48U);
    EXPECT_THAT(file.data(t), testing::Each(0xab));
  }
}

TEST(Reader, ScalarsOfEveryType) {
  GgufBuilder b;
  b.kv<std::uint8_t>("u8", 255).kv<std::int8_t>("i8", -128).kv<std::uint16_t>("u16", 65535);
  b.kv<std::int16_t>("i16", -32768).kv<std::uint32_t>("u32", 4294967295U);
  b.kv<std::int32_t>("i32", -2147483647 - 1).kv<std::uint64_t>("u64", ~std::uint64_t{0});
  b.kv<std::int64_t>("i64", INT64_MIN).kv<float>("f32", 1.25F).kv<double>("f64", 0.1);
  b.kv_raw("bool", 7, ByteSink().u8(2)).kv_text("text", std::string_view("a\0b", 3));
  const GgufFile file = GgufFile::from_bytes(b.build(), "m.gguf");
  const Metadata& m = file.metadata();
  EXPECT_EQ(m.uint("u8"), 255U);
  EXPECT_EQ(m.integer("i8"), -128);
  EXPECT_EQ(m.uint("u16"), 65535U);
  EXPECT_EQ(m.integer("i16"), -32768);
  EXPECT_EQ(m.uint("u32"), 4294967295U);
  EXPECT_EQ(m.integer("i32"), INT32_MIN);
  EXPECT_EQ(m.uint("u64"), ~std::uint64_t{0});
  EXPECT_EQ(m.integer("i64"), INT64_MIN);
  EXPECT_EQ(m.real("f32"), 1.25);
  EXPECT_EQ(m.real("f64"), 0.1);
  EXPECT_EQ(m.boolean("bool"), true);
  EXPECT_EQ(m.text("text"), std::string_view("a\0b", 3));
}

TEST(Reader, VocabularyOnly) {
  GgufBuilder b;
  b.kv_text("general.architecture", "llama").kv_strings("tokenizer.ggml.tokens", {"a", "b"});
  const GgufFile file = GgufFile::from_bytes(b.build(), "vocab.gguf");
  EXPECT_TRUE(file.tensors().empty());
  EXPECT_EQ(file.find("token_embd.weight"), nullptr);
  EXPECT_EQ(file.metadata().string_array("tokenizer.ggml.tokens")->size(), 2U);
}

TEST(Reader, ImportanceMatrix) {
  GgufBuilder b;
  b.kv_text("general.type", "imatrix").kv_strings("imatrix.datasets", {"calibration.txt"});
  b.f32_tensor("blk.0.attn_q.weight.counts", {1, 1})
      .f32_tensor("blk.0.attn_q.weight.in_sum2", {64});
  const GgufFile file = GgufFile::from_bytes(b.build(), "imatrix.gguf");
  EXPECT_EQ(file.require("blk.0.attn_q.weight.in_sum2").n_elements(), 64U);
}

TEST(Reader, AlignmentOfTheFileIsUsed) {
  GgufBuilder b;
  b.alignment = 256;
  b.kv<std::uint32_t>("general.alignment", 256).f32_tensor("a", {1}).f32_tensor("b", {1});
  const GgufFile file = GgufFile::from_bytes(b.build(), "m.gguf");
  EXPECT_EQ(file.alignment(), 256U);
  EXPECT_EQ(file.require("a").offset, 256U);
  EXPECT_EQ(file.require("b").offset, 512U);
}

TEST(Reader, MissingTensorIsNamed) {
  const GgufFile file = GgufFile::from_bytes(GgufBuilder().build(), "m.gguf");
  try {
    file.require("output.weight");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "m.gguf: tensor 'output.weight' is missing");
  }
}

TEST(Reader, FilesThatAreNoneAreNamed) {
  const TempDir dir;
  EXPECT_THROW(GgufFile::open(dir.file("absent.gguf")), Error);
  EXPECT_THROW(GgufFile::open(dir.path()), Error);
}

GgufBuilder part(std::uint16_t no, std::uint16_t count, std::int32_t n_tensors) {
  GgufBuilder b;
  if (no == 0) b.kv_text("general.architecture", "llama");
  // The types differ by tool.
  b.kv<std::uint32_t>("split.no", no).kv<std::uint16_t>("split.count", count);
  b.kv<std::int32_t>("split.tensors.count", n_tensors);
  return b;
}

TEST(Reader, SplitFilesAreOneModel) {
  const TempDir dir;
  part(0, 3, 3).write(dir.file("m-00001-of-00003.gguf"));  // metadata only
  part(1, 3, 3).f32_tensor("a", {8}).f32_tensor("b", {16}).write(dir.file("m-00002-of-00003.gguf"));
  GgufBuilder last = part(2, 3, 3);
  last.tensor("c", {32}, 8, 34).write(dir.file("m-00003-of-00003.gguf"));
  GgufFile opened = GgufFile::open(dir.file("m-00001-of-00003.gguf"));
  const GgufFile file = std::move(opened);  // views stay valid
  EXPECT_EQ(file.files().size(), 3U);
  ASSERT_EQ(file.tensors().size(), 3U);
  EXPECT_EQ(file.require("b").file_index, 1U);
  EXPECT_EQ(file.require("c").file_index, 2U);
  EXPECT_EQ(file.require("c").format, Format::Q8_0);
  EXPECT_THAT(file.data(file.require("c")),
              testing::AllOf(testing::SizeIs(34), testing::Each(0xab)));
  EXPECT_EQ(file.metadata().text("general.architecture"), "llama");
}

// 128k tokens and 280k merges, as Llama 3 has: well below 100 ms in a release build. The bound here
// leaves room for sanitizers and busy machines; it would still catch one allocation per use.
TEST(Reader, LargeVocabularyOpensQuickly) {
  GgufBuilder b;
  std::vector<std::string> tokens;
  for (int i = 0; i < 408000; ++i) tokens.push_back("token" + std::to_string(i));
  b.kv_strings("tokenizer.ggml.tokens", tokens);
  std::vector<std::uint8_t> bytes = b.build();
  const auto start = std::chrono::steady_clock::now();
  const GgufFile file = GgufFile::from_bytes(std::move(bytes), "vocab.gguf");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  RecordProperty("milliseconds", std::to_string(1e3 * took.count()));
  EXPECT_LT(took.count(), 1.0);
  const StringList& list = *file.metadata().string_array("tokenizer.ggml.tokens");
  EXPECT_EQ(list[407999], "token407999");
}

}  // namespace
}  // namespace lathe
