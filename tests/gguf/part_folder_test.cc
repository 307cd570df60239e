// Parts of a long work beside its output: taken up by the same work alone, and gone in the end.
#include "runtime/gguf/part_folder.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr PartKind kKind{"lathe.test.fingerprint", "a part"};

class Parts : public testing::Test {
 protected:
  PartFolder open(const std::string& fingerprint, bool resume) const {
    return {folder(), kKind, fingerprint, {}, resume};
  }
  std::string folder() const { return dir_.file("out.parts"); }
  std::string part(int number) const {
    return folder() + "/part-0000" + std::to_string(number) + ".gguf";
  }

  static GgufFile write(PartFolder& parts, std::size_t number, float value) {
    const std::vector<float> values(4, value);
    const std::array<std::uint64_t, 2> dims = {2, 2};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
    const PartTensor tensor{"t", Format::F32, dims, {bytes, 16}};
    Metadata metadata;
    metadata.set("number", Value::u32(static_cast<std::uint32_t>(number)));
    return parts.write(number, metadata, {&tensor, 1});
  }

  TempDir dir_;
};

TEST_F(Parts, AreTakenUpByTheSameWorkAlone) {
  PartFolder first = open("one", false);
  EXPECT_EQ(write(first, 3, 1.5f).require("t").rows(), 2u);
  write(first, 4, 2.5f);
  std::ofstream(folder() + "/notes.txt") << "somebody's";

  EXPECT_EQ(PartFolder::n_parts(folder(), kKind), 2u);
  EXPECT_EQ(PartFolder::n_parts(folder(), {"lathe.other.fingerprint", "another"}), 0u);
  EXPECT_EQ(PartFolder::n_parts(dir_.file("none"), kKind), 0u);

  PartFolder same = open("one", true);
  const auto taken = same.take_up(4);
  ASSERT_TRUE(taken.has_value());
  float value = 0.0f;
  std::memcpy(&value, taken->data(taken->require("t")).data(), sizeof value);
  EXPECT_EQ(value, 2.5f);
  EXPECT_EQ(taken->metadata().require_uint("number"), 4u);
  EXPECT_FALSE(same.take_up(5).has_value());
  EXPECT_FALSE(open("another", true).take_up(4).has_value());
  EXPECT_TRUE(fs::exists(part(4))) << "a resumed work of another kind may still go back";

  same.remove();
  EXPECT_FALSE(fs::exists(part(3)));
  EXPECT_FALSE(fs::exists(part(4)));
  EXPECT_TRUE(fs::exists(folder() + "/notes.txt"));
  fs::remove(folder() + "/notes.txt");
  same.remove();
  EXPECT_FALSE(fs::exists(folder()));
}

TEST_F(Parts, OfWorkThatStartsAfreshGo) {
  PartFolder first = open("one", false);
  write(first, 0, 1.0f);
  open("one", false);
  EXPECT_FALSE(fs::exists(part(0)));
}

TEST_F(Parts, ThatAreDamagedCountAsMissing) {
  PartFolder first = open("one", false);
  write(first, 0, 1.0f);
  fs::resize_file(part(0), fs::file_size(part(0)) - 20);
  PartFolder again = open("one", true);
  EXPECT_FALSE(again.take_up(0).has_value());
  write(again, 0, 2.0f);
  EXPECT_TRUE(again.take_up(0).has_value());
}

}  // namespace
}  // namespace lathe
