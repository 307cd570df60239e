// Importance matrix files: both forms, and a catalogue of malformed ones.
#include "quant/imatrix/imatrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_writer.h"
#include "tests/support/golden.h"
#include "tests/support/output.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes file_bytes(const std::string& path) {
  const std::vector<char> bytes = test::read_bytes(path);
  return {bytes.begin(), bytes.end()};
}

Imatrix small_imatrix() {
  Imatrix m;
  m.datasets = {"some text.txt"};
  m.chunk_count = 7;
  m.chunk_size = 512;
  m.entries["blk.0.attn_q.weight"] = {4, {1.0f, 2.0f, 0.0f, 8.0f}, {2.0f}};
  m.entries["blk.1.ffn_up.weight"] = {2, {1.0f, 2.0f, 3.0f, 4.0f}, {4.0f, 0.0f}};
  return m;
}

TEST(Imatrix, RoundTripKeepsEverything) {
  const TempDir dir;
  const std::string path = dir.file("imatrix.gguf");
  write_imatrix(small_imatrix(), test::output(path));
  const Imatrix m = read_imatrix(path);
  EXPECT_EQ(m.origin, path);
  EXPECT_THAT(m.datasets, testing::ElementsAre("some text.txt"));
  EXPECT_EQ(m.chunk_count, 7u);
  EXPECT_EQ(m.chunk_size, 512u);
  ASSERT_EQ(m.entries.size(), 2u);
  const ImatrixEntry* q = m.find("blk.0.attn_q.weight");
  ASSERT_NE(q, nullptr);
  EXPECT_THAT(q->importance(), testing::ElementsAre(0.5f, 1.0f, 0.0f, 4.0f));
  const ImatrixEntry* up = m.find("blk.1.ffn_up.weight");
  ASSERT_NE(up, nullptr);
  EXPECT_EQ(up->n_mat(), 2u);
  EXPECT_THAT(up->importance(0), testing::ElementsAre(0.25f, 0.5f));
  EXPECT_THAT(up->importance(1), testing::ElementsAre(1.0f, 1.0f)) << "never saw a token";
  EXPECT_EQ(m.find("blk.9.attn_q.weight"), nullptr);
}

// Builds the legacy form field by field.
class Legacy {
 public:
  Legacy& i32(std::int32_t v) { return raw(&v, sizeof v); }
  Legacy& text(const std::string& s) { return raw(s.data(), s.size()); }
  Legacy& floats(std::initializer_list<float> v) {
    for (const float f : v) raw(&f, sizeof f);
    return *this;
  }
  Legacy& entry(const std::string& name, std::int32_t n_calls, std::initializer_list<float> v) {
    i32(static_cast<std::int32_t>(name.size())).text(name).i32(n_calls);
    return i32(static_cast<std::int32_t>(v.size())).floats(v);
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Legacy& raw(const void* p, std::size_t n) {
    const auto* b = static_cast<const std::uint8_t*>(p);
    bytes_.insert(bytes_.end(), b, b + n);
    return *this;
  }
  Bytes bytes_;
};

TEST(Imatrix, ReadsTheLegacyForm) {
  Legacy file;
  file.i32(2).entry("blk.0.a.weight", 4, {4.0f, 8.0f}).entry("blk.0.b.weight", 0, {3.0f});
  const Imatrix bare = parse_imatrix(file.bytes(), "x.dat");
  EXPECT_EQ(bare.chunk_count, 0u);
  EXPECT_THAT(bare.find("blk.0.a.weight")->importance(), testing::ElementsAre(1.0f, 2.0f));
  EXPECT_THAT(bare.find("blk.0.b.weight")->importance(), testing::ElementsAre(3.0f));
  file.i32(9).i32(4).text("data");
  const Imatrix full = parse_imatrix(file.bytes(), "x.gguf");  // told apart by content
  EXPECT_EQ(full.chunk_count, 9u);
  EXPECT_THAT(full.datasets, testing::ElementsAre("data"));
}

std::string error_of(const Bytes& bytes) {
  try {
    parse_imatrix(bytes, "bad file");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return {};
}

struct Malformed {
  const char* name;
  Bytes bytes;
  const char* says;
};

std::vector<Malformed> malformed_legacy() {
  const auto one = [] { return Legacy().i32(1); };
  return {
      {"empty", {}, "entries"},
      {"no entries", Legacy().i32(0).bytes(), "entries is 0"},
      {"negative entries", Legacy().i32(-5).bytes(), "entries is -5"},
      {"entries beyond the file", Legacy().i32(1 << 19).i32(1).bytes(), "bytes remain"},
      {"too many entries", Legacy().i32(0x7fffffff).bytes(), "at most"},
      {"negative name length", one().i32(-1).text("0123456789abcdef").bytes(), "name is -1"},
      {"empty name", one().i32(0).text("0123456789abcdef").bytes(), "name is 0"},
      {"name beyond the file", one().i32(200).text("0123456789abcdef").bytes(), "bytes remain"},
      {"name too long", one().i32(1 << 30).text("0123456789abcdef").bytes(), "at most"},
      {"negative calls", one().entry("ab", -2, {1, 2, 3}).bytes(), "calls is -2"},
      {"negative values", one().i32(2).text("ab").i32(1).i32(-3).floats({1, 1}).bytes(),
       "values is -3"},
      {"values beyond the file", one().i32(2).text("ab").i32(1).i32(1000).floats({1, 1}).bytes(),
       "bytes remain"},
      {"too many values", one().i32(2).text("ab").i32(1).i32(0x40000000).floats({1}).bytes(),
       "at most"},
      {"NaN", one().entry("ab", 1, {1, NAN}).bytes(), "'ab': value nan"},
      {"infinity", one().entry("ab", 1, {INFINITY, 1}).bytes(), "value inf"},
      {"negative value", one().entry("ab", 1, {1, -1}).bytes(), "value -1"},
      {"same name twice", Legacy().i32(2).entry("ab", 1, {1, 1}).entry("ab", 1, {1, 1}).bytes(),
       "second entry"},
      {"trailer cut", one().entry("ab", 1, {1, 1}).text("xy").bytes(), "trailer"},
      {"trailer lies", one().entry("ab", 1, {1, 1}).i32(1).i32(99).text("xy").bytes(),
       "bytes remain"},
      {"some other file", Legacy().text("PK\x03\x04 a zip archive, for instance").bytes(),
       "at most"},
  };
}

TEST(Imatrix, RefusesMalformedLegacyFiles) {
  for (const Malformed& m : malformed_legacy()) {
    EXPECT_THAT(error_of(m.bytes), testing::HasSubstr(m.says)) << m.name;
  }
}

// A GGUF file with these keys and F32 (or other) tensors.
struct GgufSpec {
  Metadata metadata;
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> dims;
    std::vector<float> values;
    Format format = Format::F32;
  };
  std::vector<Tensor> tensors;

  GgufSpec() {
    metadata.set("general.type", Value::text("imatrix"));
    StringList names;
    names.push_back("text");
    metadata.set("imatrix.datasets", Value::strings(std::move(names)));
    metadata.set("imatrix.chunk_count", Value::u32(3));
    metadata.set("imatrix.chunk_size", Value::u32(512));
    tensors = {{"w.in_sum2", {2, 1}, {1.0f, 2.0f}}, {"w.counts", {1, 1}, {5.0f}}};
  }
  Bytes bytes() const {
    const TempDir dir;
    GgufWriter out(test::output(dir.file("x")), metadata);
    for (const Tensor& t : tensors) out.add_tensor(t.name, t.format, t.dims);
    out.begin();
    for (const Tensor& t : tensors) {
      const auto* p = reinterpret_cast<const std::uint8_t*>(t.values.data());
      out.write({p, t.values.size() * sizeof(float)});
    }
    out.finish();
    return file_bytes(dir.file("x"));
  }
};

TEST(Imatrix, RefusesMalformedGgufFiles) {
  struct Case {
    const char* name;
    std::function<void(GgufSpec&)> damage;
    const char* says;
  };
  const Case cases[] = {
      {"a model", [](auto& s) { s.metadata.set("general.type", Value::text("model")); },
       "no importance matrix"},
      {"no type", [](auto& s) { s.metadata.erase("general.type"); }, "general.type"},
      {"no datasets", [](auto& s) { s.metadata.erase("imatrix.datasets"); }, "imatrix.datasets"},
      {"datasets of numbers",
       [](auto& s) {
         const std::uint32_t n[] = {1};
         s.metadata.set("imatrix.datasets", Value::array(std::span<const std::uint32_t>(n)));
       },
       "imatrix.datasets"},
      {"no chunk count", [](auto& s) { s.metadata.erase("imatrix.chunk_count"); }, "chunk_count"},
      {"no chunk size", [](auto& s) { s.metadata.erase("imatrix.chunk_size"); }, "chunk_size"},
      {"chunk count as text",
       [](auto& s) { s.metadata.set("imatrix.chunk_count", Value::text("3")); }, "chunk_count"},
      {"no counts", [](auto& s) { s.tensors.pop_back(); }, "no counts"},
      {"no entries", [](auto& s) { s.tensors.clear(); }, "no entries"},
      {"counts of another shape",
       [](auto& s) {
         s.tensors[1].dims = {1, 3};
         s.tensors[1].values = {1, 1, 1};
       },
       "expected one for each of 1"},
      {"sums of another format",
       [](auto& s) {
         s.tensors[0].dims = {4, 1};
         s.tensors[0].format = Format::F16;
       },
       "f16, expected f32"},
      {"NaN", [](auto& s) { s.tensors[0].values[1] = NAN; }, "'w.in_sum2': value nan of element 1"},
      {"infinity", [](auto& s) { s.tensors[0].values[0] = INFINITY; }, "value inf"},
      {"negative sum", [](auto& s) { s.tensors[0].values[0] = -1; }, "value -1"},
      {"NaN count", [](auto& s) { s.tensors[1].values[0] = NAN; }, "'w.counts'"},
      {"negative count", [](auto& s) { s.tensors[1].values[0] = -2; }, "value -2"},
  };
  EXPECT_EQ(parse_imatrix(GgufSpec().bytes(), "good").entries.size(), 1u);
  for (const Case& c : cases) {
    GgufSpec spec;
    c.damage(spec);
    EXPECT_THAT(error_of(spec.bytes()), testing::HasSubstr(c.says)) << c.name;
  }
}

TEST(Imatrix, RefusesEveryTruncation) {
  Legacy legacy;
  legacy.i32(2).entry("blk.0.a.weight", 4, {4.0f, 8.0f}).entry("blk.0.b.weight", 1, {3.0f});
  const std::size_t complete = legacy.bytes().size();
  legacy.i32(9).i32(4).text("data");
  for (std::size_t n = 0; n < legacy.bytes().size(); ++n) {
    if (n == complete || n == complete + 4) continue;  // the trailer is optional
    error_of(Bytes(legacy.bytes().begin(), legacy.bytes().begin() + n));
  }
  const Bytes gguf = GgufSpec().bytes();
  for (std::size_t n = 0; n + 32 < gguf.size(); ++n) {
    error_of(Bytes(gguf.begin(), gguf.begin() + n));
  }
}

TEST(Imatrix, ReadsThePeersFile) {
  const std::string path = test::source_path("../shared/golden/trained/tiny-llama/imatrix.gguf");
  if (file_bytes(path).empty()) GTEST_SKIP() << "needs " << path;
  const Imatrix m = read_imatrix(path);
  EXPECT_EQ(m.entries.size(), 56u);
  EXPECT_EQ(m.chunk_count, 60u);
  EXPECT_EQ(m.chunk_size, 512u);
  EXPECT_THAT(m.datasets, testing::ElementsAre(testing::EndsWith("books-calibration.txt")));
  const ImatrixEntry* e = m.find("blk.7.ffn_down.weight");
  ASSERT_NE(e, nullptr);
  EXPECT_EQ(e->n_cols, 512u);
  EXPECT_EQ(e->counts[0], 60.0f * 512.0f);
  // Written again, it is the same file.
  const TempDir dir;
  write_imatrix(m, test::output(dir.file("again.gguf")));
  EXPECT_EQ(file_bytes(dir.file("again.gguf")), file_bytes(path));
}

}  // namespace
}  // namespace lathe
