// What changes a fingerprint, and what does not.
#include "runtime/identity/fingerprint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/support/error_of.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/model_file.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::vector<std::uint8_t> random_bytes(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> out(n);
  for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random());
  return out;
}

// All kinds of values; a tensor smaller than a block, one of odd size, one of several pieces.
ModelFile some_model() {
  ModelFile model;
  model.metadata.set("general.architecture", Value::text("llama"));
  model.metadata.set("llama.block_count", Value::u32(2));
  model.metadata.set("llama.rope.freq_base", Value::f32(10000.0f));
  model.metadata.set("flag", Value::boolean(true));
  model.metadata.set("large", Value::u64(1ULL << 40));
  const std::int32_t numbers[] = {1, -2, 3};
  model.metadata.set("numbers", Value::array(std::span<const std::int32_t>(numbers)));
  StringList texts;
  for (const char* text : {"a", "", "bc"}) texts.push_back(text);
  model.metadata.set("texts", Value::strings(std::move(texts)));
  model.tensors = {{"token_embd.weight", Format::F32, {5}, random_bytes(20, 1)},
                   {"blk.0.attn_q.weight", Format::Q8_0, {32, 3}, random_bytes(3 * 34, 2)},
                   {"blk.1.attn_q.weight", Format::Q8_0, {32, 3}, random_bytes(3 * 34, 3)},
                   {"blk.1.ffn_up.weight", Format::F16, {512, 2050}, random_bytes(2099200, 4)}};
  return model;
}

class Fingerprint : public testing::Test {
 protected:
  static ModelIdentity of(const ModelFile& model) {
    return model_identity(GgufFile::from_bytes(model.bytes(), "memory"), {.cache_folder = {}});
  }
  static ModelIdentity identity_of(const std::string& path) {
    IdentityOptions options;
    options.cache_folder.clear();
    return model_identity(GgufFile::open(path), options);
  }

  TempDir dir_;
  const ModelFile model_ = some_model();
  const ModelIdentity identity_ = of(model_);
};

TEST_F(Fingerprint, EveryByteOfEveryTensorCounts) {
  EXPECT_EQ(identity_.fingerprint.size(), 64u);
  ModelFile changed = model_;
  for (ModelFile::Tensor& tensor : changed.tensors) {
    const std::size_t n = tensor.data.size();
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < std::min<std::size_t>(n, 64); ++i) places.push_back(i);
    for (std::size_t i = n - std::min<std::size_t>(n, 64); i < n; ++i) places.push_back(i);
    for (const std::size_t edge : {kMiB, 2 * kMiB}) {  // of pieces
      if (edge < n) places.insert(places.end(), {edge - 1, edge, n / 2});
    }
    for (const std::size_t at : places) {
      tensor.data[at] ^= 1U << (at % 8);
      const ModelIdentity other = of(changed);
      tensor.data[at] ^= 1U << (at % 8);
      ASSERT_NE(other.fingerprint, identity_.fingerprint) << tensor.name << ", byte " << at;
      ASSERT_NE(other.weights, identity_.weights) << tensor.name << ", byte " << at;
      ASSERT_EQ(other.metadata, identity_.metadata);
      for (const auto& [name, hash] : other.tensors) {
        ASSERT_EQ(hash != identity_.tensors.at(name), name == tensor.name) << name;
      }
    }
  }
}

// The value with one change of each kind that it can have.
std::vector<Value> changes_of(const Value& value) {
  std::vector<Value> out;
  if (const auto text = value.as_text()) {
    out.push_back(Value::text(std::string(*text) + " "));
    if (!text->empty()) out.push_back(Value::text(std::string(text->substr(1))));
    return out;
  }
  if (const StringList* texts = value.as_strings()) {
    for (const std::size_t changed : {std::size_t{0}, texts->size() - 1, texts->size()}) {
      StringList list;
      for (std::size_t i = 0; i < texts->size(); ++i) {
        list.push_back(std::string((*texts)[i]) + (i == changed ? "x" : ""));
      }
      if (changed == texts->size()) list.push_back("");
      out.push_back(Value::strings(std::move(list)));
    }
    return out;
  }
  const auto raw = value.raw_bytes();
  for (const std::size_t at : {std::size_t{0}, raw.size() - 1}) {
    std::vector<std::byte> bytes(raw.begin(), raw.end());
    bytes[at] ^= std::byte{1};
    out.push_back(value.is_array() ? Value::raw_array(value.element_type(), bytes)
                                   : Value::raw_scalar(value.type(), bytes));
  }
  return out;
}

TEST_F(Fingerprint, EveryValueOfTheMetadataCounts) {
  ModelFile changed = model_;
  const auto expect_other = [&](const std::string& what) {
    const ModelIdentity other = of(changed);
    EXPECT_NE(other.fingerprint, identity_.fingerprint) << what;
    EXPECT_NE(other.metadata, identity_.metadata) << what;
    EXPECT_EQ(other.weights, identity_.weights) << what;
    changed.metadata = model_.metadata;
  };
  for (const MetadataEntry& entry : model_.metadata) {
    for (const Value& value : changes_of(entry.value)) {
      changed.metadata.set(entry.key, value);
      expect_other("another value of " + entry.key);
    }
    changed.metadata.erase(entry.key);
    expect_other("without " + entry.key);
  }
  changed.metadata.set("llama.block_count", Value::i32(2));
  expect_other("another type");
  changed.metadata.set("more", Value::u32(0));
  expect_other("one key more");
}

TEST_F(Fingerprint, ValuesOfARealModelCount) {
  const GgufFile file = GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf"));
  const std::string before = metadata_fingerprint(file.metadata());
  for (const MetadataEntry& entry : file.metadata()) {
    for (const Value& value : changes_of(entry.value)) {
      Metadata changed = file.metadata();
      changed.set(entry.key, value);
      EXPECT_NE(metadata_fingerprint(changed), before) << entry.key;
    }
  }
}

TEST_F(Fingerprint, NamesShapesFormatsAndPlacesOfDataCount) {
  const auto expect_other = [&](const char* what, auto&& change) {
    ModelFile changed = model_;
    change(changed);
    const ModelIdentity other = of(changed);
    EXPECT_NE(other.fingerprint, identity_.fingerprint) << what;
    EXPECT_NE(other.weights, identity_.weights) << what;
  };
  expect_other("name", [](ModelFile& m) { m.tensors[1].name = "blk.0.attn_k.weight"; });
  expect_other("shape", [](ModelFile& m) { m.tensors[3].dims = {2050, 512}; });
  expect_other("format", [](ModelFile& m) { m.tensors[3].format = Format::BF16; });
  expect_other("one less", [](ModelFile& m) { m.tensors.pop_back(); });
  expect_other("one more", [](ModelFile& m) {
    m.tensors.push_back(m.tensors[1]);
    m.tensors.back().name = "blk.2.attn_q.weight";
  });
  expect_other("data of two",
               [](ModelFile& m) { std::swap(m.tensors[1].data, m.tensors[2].data); });
}

TEST_F(Fingerprint, OrderFilesAndPaddingDoNotCount) {
  const auto expect_same = [&](const std::string& path, const char* what) {
    const ModelIdentity other = identity_of(path);
    EXPECT_EQ(other.fingerprint, identity_.fingerprint) << what;
    EXPECT_EQ(other.weights, identity_.weights) << what;
    EXPECT_EQ(other.tensors, identity_.tensors) << what;
  };
  ModelFile other = model_;
  std::vector<int> order = {0, 1, 2, 3};
  do {
    other.tensors.clear();
    for (const int i : order) other.tensors.push_back(model_.tensors[static_cast<size_t>(i)]);
    EXPECT_EQ(of(other).fingerprint, identity_.fingerprint) << "order of tensors";
    const std::size_t n = static_cast<std::size_t>(order[0]) + 1;
    expect_same(other.write_split(dir_.file("split"), n), "split into files");
  } while (std::next_permutation(order.begin(), order.end()));
  other = model_;
  other.metadata = Metadata{};
  std::vector<MetadataEntry> entries(model_.metadata.begin(), model_.metadata.end());
  std::reverse(entries.begin(), entries.end());
  for (MetadataEntry& entry : entries) other.metadata.set(entry.key, entry.value);
  other.write(dir_.file("keys.gguf"));
  expect_same(dir_.file("keys.gguf"), "order of keys");
}

TEST_F(Fingerprint, AlignmentDoesNotCount) {
  const auto with_alignment = [&](std::uint32_t alignment) {
    GgufBuilder builder;
    builder.alignment = alignment;
    builder.kv_text("general.architecture", "llama");
    if (alignment != 32) builder.kv("general.alignment", alignment);
    builder.f32_tensor("a", {3}).f32_tensor("b", {7, 5});
    return model_identity(GgufFile::from_bytes(builder.build(), "memory")).fingerprint;
  };
  EXPECT_EQ(with_alignment(64), with_alignment(32));
  EXPECT_EQ(with_alignment(256), with_alignment(32));
}

TEST_F(Fingerprint, ThreadsDoNotCount) {
  model_.write(dir_.file("m.gguf"));
  const GgufFile file = GgufFile::open(dir_.file("m.gguf"));
  for (const int n_threads : {1, 2, 5}) {
    ThreadPool pool({.n_threads = n_threads, .pin = false});
    const ModelIdentity other = model_identity(file, {.pool = &pool, .cache_folder = {}});
    EXPECT_EQ(other.fingerprint, identity_.fingerprint);
  }
  for (const ModelFile::Tensor& tensor : model_.tensors) {
    EXPECT_EQ(hash_rows(tensor.data, row_bytes(tensor.format, tensor.dims[0])),
              identity_.tensors.at(tensor.name))
        << tensor.name;
  }
}

TEST_F(Fingerprint, StopsWhenAsked) {
  model_.write(dir_.file("m.gguf"));
  const GgufFile file = GgufFile::open(dir_.file("m.gguf"));
  const auto stop = [](double) { return false; };
  EXPECT_THAT(message_of([&] { model_identity(file, {.progress = stop, .cache_folder = {}}); },
                         ErrorKind::kFailed),
              testing::HasSubstr("stopped"));
}

}  // namespace
}  // namespace lathe
