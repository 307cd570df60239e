// No byte of a file is trusted: a file cut anywhere is refused, a file with damaged bytes is
// refused or read, but nothing ever crashes or reads outside (the sanitizer builds watch).
#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/gguf_builder.h"

namespace lathe {
namespace {

// One of everything.
std::vector<std::uint8_t> small_file() {
  GgufBuilder b;
  b.kv_text("general.architecture", "llama").kv<std::uint8_t>("u8", 200);
  b.kv<std::int8_t>("i8", -3).kv<std::uint16_t>("u16", 60000).kv<std::int16_t>("i16", -300);
  b.kv<std::uint32_t>("u32", 1 << 31).kv<std::int32_t>("i32", -70000).kv<float>("f32", 0.5F);
  b.kv<bool>("bool", true).kv<std::uint64_t>("u64", 1ULL << 63).kv<std::int64_t>("i64", -1);
  b.kv<double>("f64", 0.1).kv_text("empty", "").kv_strings("strings", {"<unk>", "", "a b"});
  b.kv_array<float>("floats", {1, 2, 3}).kv_array<std::uint8_t>("bytes", {});
  b.f32_tensor("norm.weight", {5}).tensor("w.weight", {256, 2}, 12, 288);
  return b.tensor("v.weight", {32, 3, 2}, 8, 204).build();
}

// Touches everything that a reader of the file would touch.
std::uint64_t read_through(const GgufFile& file) {
  std::uint64_t sum = 0;
  for (const MetadataEntry& entry : file.metadata()) {
    sum += entry.key.size() + entry.value.size() + entry.value.type_text().size();
    if (const StringList* list = entry.value.as_strings()) {
      for (const std::string_view s : *list) sum += s.size();
    }
    for (const std::byte byte : entry.value.raw_bytes()) sum += std::to_integer<unsigned>(byte);
  }
  for (const TensorInfo& t : file.tensors()) {
    const auto data = file.data(t);
    sum = std::accumulate(data.begin(), data.end(), sum);
    EXPECT_EQ(file.find(t.name), &t);
  }
  return sum;
}

TEST(Robustness, TheWholeFileIsRead) {
  const GgufFile file = GgufFile::from_bytes(small_file(), "small.gguf");
  EXPECT_EQ(file.metadata().size(), 16U);
  EXPECT_EQ(file.tensors().size(), 3U);
  EXPECT_GT(read_through(file), 0U);
}

TEST(Robustness, CutAtEveryByteIsRefused) {
  const std::vector<std::uint8_t> whole = small_file();
  // The padding behind the last tensor (204 bytes, so 20 of them) may be missing.
  for (std::size_t n = 0; n < whole.size() - 20; ++n) {
    std::vector<std::uint8_t> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    try {
      GgufFile::from_bytes(std::move(part), "cut.gguf");
      ADD_FAILURE() << "accepted with " << n << " of " << whole.size() << " bytes";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    }
  }
  for (std::size_t n = whole.size() - 20; n <= whole.size(); ++n) {
    std::vector<std::uint8_t> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_NO_THROW(GgufFile::from_bytes(std::move(part), "cut.gguf")) << n;
  }
}

// Opens damaged bytes; an Error of the right kind is as good as a file that reads.
void open_damaged(std::vector<std::uint8_t> bytes) {
  try {
    read_through(GgufFile::from_bytes(std::move(bytes), "damaged.gguf"));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
  }
}

TEST(Robustness, EveryByteWithEveryEdgeValue) {
  const std::vector<std::uint8_t> whole = small_file();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::vector<std::uint8_t> bytes = whole;
      bytes[i] = static_cast<std::uint8_t>(value);
      open_damaged(std::move(bytes));
    }
  }
}

TEST(Robustness, RandomDamage) {
  const std::vector<std::uint8_t> whole = small_file();
  std::mt19937 random(20240917);
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::uint8_t> bytes = whole;
    const unsigned n_flips = 1 + random() % 8;
    for (unsigned k = 0; k < n_flips; ++k) {
      bytes[random() % bytes.size()] ^= static_cast<std::uint8_t>(1U << (random() % 8));
    }
    open_damaged(std::move(bytes));
  }
}

}  // namespace
}  // namespace lathe
