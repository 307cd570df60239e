// The writer: exact bytes, and nothing half written whatever goes wrong.
#include "runtime/gguf/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/file_bytes.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/output.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using Dims = std::vector<std::uint64_t>;

template <typename Call>
std::string failure_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
    return error.what();
  }
  return "no error";
}

bool directory_is_empty(const TempDir& dir) { return std::filesystem::is_empty(dir.path()); }

// Against bytes made by the tests' own builder, for every value type.
TEST(Writer, WritesTheFormatToTheByte) {
  GgufBuilder expected;
  expected.kv_text("general.architecture", "llama").kv<std::uint8_t>("u8", 1);
  expected.kv<std::int8_t>("i8", -1).kv<std::uint16_t>("u16", 2).kv<std::int16_t>("i16", -2);
  expected.kv<std::uint32_t>("u32", 3).kv<std::int32_t>("i32", -3).kv<float>("f32", 0.5F);
  expected.kv<bool>("bool", true).kv<std::uint64_t>("u64", 4).kv<std::int64_t>("i64", -4);
  expected.kv<double>("f64", 0.25).kv_strings("texts", {"x", "", "yz"});
  expected.kv_array<float>("floats", {1, 2}).kv_array<std::uint8_t>("none", {});
  expected.f32_tensor("norm", {5}).tensor("w", {32, 3}, 8, 102).tensor("x", {256}, 12, 144);

  Metadata m;
  m.set("general.architecture", Value::text("llama"));
  m.set("u8", Value::scalar<std::uint8_t>(1));
  m.set("i8", Value::scalar<std::int8_t>(-1));
  m.set("u16", Value::u16(2));
  m.set("i16", Value::scalar<std::int16_t>(-2));
  m.set("u32", Value::u32(3));
  m.set("i32", Value::i32(-3));
  m.set("f32", Value::f32(0.5F));
  m.set("bool", Value::boolean(true));
  m.set("u64", Value::u64(4));
  m.set("i64", Value::scalar<std::int64_t>(-4));
  m.set("f64", Value::scalar<double>(0.25));
  StringList texts;
  for (const char* s : {"x", "", "yz"}) texts.push_back(s);
  m.set("texts", Value::strings(std::move(texts)));
  m.set("floats", Value::array<float>(std::array<float, 2>{1, 2}));
  m.set("none", Value::array<std::uint8_t>(std::span<const std::uint8_t>()));
  m.set("general.alignment", Value::u32(64));  // left out: the layout is always that of 32

  const TempDir dir;
  GgufWriter out(test::output(dir.file("m.gguf")), m);
  out.add_tensor("norm", Format::F32, Dims{5});
  out.add_tensor("w", Format::Q8_0, Dims{32, 3, 1, 1});  // dimensions of 1 at the end are dropped
  out.add_tensor("x", Format::Q4_K, Dims{256});
  out.begin();
  EXPECT_EQ(out.total_bytes(), expected.build().size());
  const std::vector<std::uint8_t> data(20 + 102 + 144, 0xab);
  out.write(std::span(data).first(7));
  out.write(std::span(data).first(13));
  out.write(std::span(data).first(102));
  out.write(std::span(data).first(144));
  out.finish();
  EXPECT_EQ(read_file_bytes(dir.file("m.gguf")), expected.build());
}

TEST(Writer, WithoutTensorsTheHeaderIsTheFile) {
  const TempDir dir;
  Metadata m;
  m.set("general.architecture", Value::text("llama"));
  GgufWriter out(test::output(dir.file("vocab.gguf")), m);
  out.finish();
  EXPECT_EQ(read_file_bytes(dir.file("vocab.gguf")),
            GgufBuilder().kv_text("general.architecture", "llama").build());
}

TEST(Writer, UnfinishedFilesLeaveNothing) {
  const TempDir dir;
  {
    GgufWriter out(test::output(dir.file("m.gguf")), Metadata());
    out.add_tensor("t", Format::F32, Dims{8});
    out.begin();
    EXPECT_TRUE(std::filesystem::exists(dir.file("m.gguf.part")));
    EXPECT_FALSE(std::filesystem::exists(dir.file("m.gguf")));
    EXPECT_THAT(failure_of([&] { out.finish(); }),
                testing::HasSubstr("the data of tensor 't' is not complete (0 of 32 bytes)"));
  }
  EXPECT_TRUE(directory_is_empty(dir));
}

TEST(Writer, AnOlderFileStaysUntilTheNewOneIsComplete) {
  const TempDir dir;
  std::ofstream(dir.file("m.gguf")) << "old";
  {
    GgufWriter out(test::output(dir.file("m.gguf")), Metadata());
    out.add_tensor("t", Format::F32, Dims{1});
    out.begin();
  }
  EXPECT_THAT(read_file_bytes(dir.file("m.gguf")), testing::ElementsAre('o', 'l', 'd'));
  std::ofstream(dir.file("m.gguf.part")) << "somebody's";
  GgufWriter(test::output(dir.file("m.gguf")), Metadata()).finish();
  EXPECT_EQ(read_file_bytes(dir.file("m.gguf")), GgufBuilder().build());
  EXPECT_EQ(read_file_bytes(dir.file("m.gguf.part")).size(), 10u) << "not touched";
}

TEST(Writer, TwoWritersOfOneFileAreKeptApart) {
  const TempDir dir;
  GgufWriter first(test::output(dir.file("m.gguf")), Metadata());
  EXPECT_THAT(failure_of([&] { GgufWriter second(test::output(dir.file("m.gguf")), Metadata()); }),
              testing::HasSubstr("another process is writing"));
  first.finish();
  EXPECT_TRUE(std::filesystem::exists(dir.file("m.gguf")));
}

TEST(Writer, RefusesWhatReadersWould) {
  const TempDir dir;
  GgufWriter out(test::output(dir.file("m.gguf")), Metadata());
  out.add_tensor("t", Format::F32, Dims{8});
  const auto add = [&](std::string name, Format format, const Dims& dims) {
    return failure_of([&] { out.add_tensor(std::move(name), format, dims); });
  };
  EXPECT_THAT(add("t", Format::F32, {8}), testing::HasSubstr("there is one of that name already"));
  EXPECT_THAT(add("", Format::F32, {8}), testing::HasSubstr("1 to 63 bytes"));
  EXPECT_THAT(add(std::string(64, 'n'), Format::F32, {8}), testing::HasSubstr("1 to 63 bytes"));
  EXPECT_THAT(add("a", Format::F32, {}), testing::HasSubstr("1 to 4 dimensions"));
  EXPECT_THAT(add("a", Format::F32, {1, 1, 1, 1, 1}), testing::HasSubstr("1 to 4 dimensions"));
  EXPECT_THAT(add("a", Format::F32, {8, 0}), testing::HasSubstr("1 to 4 dimensions"));
  EXPECT_THAT(add("a", Format::Q4_K, {100}), testing::HasSubstr("not whole blocks of q4_K"));
  EXPECT_THAT(add("a", Format::F32, {1ULL << 61, 2}), testing::HasSubstr("its size overflows"));
}

TEST(Writer, DataMustFitTheTensors) {
  const TempDir dir;
  GgufWriter out(test::output(dir.file("m.gguf")), Metadata());
  const std::vector<std::uint8_t> data(33);
  EXPECT_THAT(failure_of([&] { out.write(data); }), testing::HasSubstr("outside of any tensor"));
  out.add_tensor("t", Format::F32, Dims{8});
  out.begin();
  EXPECT_THAT(failure_of([&] { out.write(data); }),
              testing::HasSubstr("tensor 't' takes 32 more bytes, 33 were given"));
  out.write(std::span(data).first(32));
  EXPECT_THAT(failure_of([&] { out.write(data); }), testing::HasSubstr("outside of any tensor"));
  EXPECT_THAT(failure_of([&] { out.add_tensor("u", Format::F32, Dims{8}); }),
              testing::HasSubstr("already written"));
}

// A file size limit stands for a full disk: write() fails half way in the same manner.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit = {bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_ = {};
  void (*handler_)(int);
};

TEST(Writer, FullDiskIsNamedAndLeavesNothing) {
  const TempDir dir;
  {
    const FileSizeLimit limit(3 << 20);
    GgufWriter out(test::output(dir.file("m.gguf")), Metadata());
    out.add_tensor("t", Format::F32, Dims{1 << 20});
    out.begin();
    const std::vector<std::uint8_t> data(1 << 20);
    EXPECT_THAT(failure_of([&] {
                  for (int i = 0; i < 4; ++i) out.write(data);
                  out.finish();
                }),
                testing::AllOf(testing::StartsWith(dir.file("m.gguf") + ": cannot write"),
                               testing::HasSubstr("File too large")));
  }
  EXPECT_TRUE(directory_is_empty(dir));
}

}  // namespace
}  // namespace lathe
