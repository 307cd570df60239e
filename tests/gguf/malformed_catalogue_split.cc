// Malformed files, part 4: split models whose files do not belong together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

GgufBuilder part(std::uint16_t no, std::uint16_t count, std::int32_t n_tensors) {
  GgufBuilder b;
  b.kv<std::uint16_t>("split.no", no).kv<std::uint16_t>("split.count", count);
  b.kv<std::int32_t>("split.tensors.count", n_tensors);
  return b;
}

std::string name(int no, int count) {
  return "m-0000" + std::to_string(no) + "-of-0000" + std::to_string(count) + ".gguf";
}

struct BadSplit {
  const char* name;
  std::function<std::string(const TempDir&)> make;  // writes the files, returns what to open
  const char* message;
};
void PrintTo(const BadSplit& s, std::ostream* out) { *out << s.name; }

const BadSplit kSplits[] = {
    {"SecondFileMissing",
     [](const TempDir& dir) {
       part(0, 2, 2).f32_tensor("a", {8}).write(dir.file(name(1, 2)));
       return dir.file(name(1, 2));
     },
     "m-00002-of-00002.gguf: cannot open: No such file or directory"},
    {"OpenedTheSecondFile",
     [](const TempDir& dir) {
       part(1, 2, 2).f32_tensor("a", {8}).write(dir.file(name(2, 2)));
       return dir.file(name(2, 2));
     },
     "this is file 2 of 2 of a split model; open the first: "},
    {"NameWithoutNumbers",
     [](const TempDir& dir) {
       part(0, 2, 2).f32_tensor("a", {8}).write(dir.file("model.gguf"));
       return dir.file("model.gguf");
     },
     "the name of the first must end in -00001-of-00002.gguf"},
    {"NameWithAnotherCount",
     [](const TempDir& dir) {
       part(0, 3, 2).f32_tensor("a", {8}).write(dir.file(name(1, 2)));
       return dir.file(name(1, 2));
     },
     "the model is split into 3 files, so the name of the first must end in -00001-of-00003.gguf"},
    {"SecondFileHasAnotherNumber",
     [](const TempDir& dir) {
       part(0, 2, 2).f32_tensor("a", {8}).write(dir.file(name(1, 2)));
       part(0, 2, 2).f32_tensor("b", {8}).write(dir.file(name(2, 2)));
       return dir.file(name(1, 2));
     },
     "key 'split.no': expected 1 from the file's name, found 0"},
    {"SecondFileHasAnotherCount",
     [](const TempDir& dir) {
       part(0, 2, 2).f32_tensor("a", {8}).write(dir.file(name(1, 2)));
       part(1, 3, 2).f32_tensor("b", {8}).write(dir.file(name(2, 2)));
       return dir.file(name(1, 2));
     },
     "key 'split.count': expected 2 as in the first file, found 3"},
    {"SecondFileIsNoSplit",
     [](const TempDir& dir) {
       part(0, 2, 2).f32_tensor("a", {8}).write(dir.file(name(1, 2)));
       GgufBuilder().f32_tensor("b", {8}).write(dir.file(name(2, 2)));
       return dir.file(name(1, 2));
     },
     "m-00002-of-00002.gguf: key 'split.no': is missing"},
    {"FirstFileHasNoNumber",
     [](const TempDir& dir) {
       GgufBuilder().kv<std::uint16_t>("split.count", 2).write(dir.file(name(1, 2)));
       return dir.file(name(1, 2));
     },
     "key 'split.no': is missing, expected an integer of 0 or more"},
    {"TensorsMissing",
     [](const TempDir& dir) {
       part(0, 2, 5).f32_tensor("a", {8}).write(dir.file(name(1, 2)));
       part(1, 2, 5).f32_tensor("b", {8}).write(dir.file(name(2, 2)));
       return dir.file(name(1, 2));
     },
     "key 'split.tensors.count': expected 5 tensors in all files, found 2"},
    {"TensorInTwoFiles",
     [](const TempDir& dir) {
       part(0, 2, 2).f32_tensor("a", {8}).write(dir.file(name(1, 2)));
       part(1, 2, 2).f32_tensor("a", {8}).write(dir.file(name(2, 2)));
       return dir.file(name(1, 2));
     },
     "m-00002-of-00002.gguf: tensor 'a' is also in "},
    {"SecondFileCutOff",
     [](const TempDir& dir) {
       part(0, 2, 2).f32_tensor("a", {8}).write(dir.file(name(1, 2)));
       part(1, 2, 2).f32_tensor("b", {8}).write(dir.file(name(2, 2)));
       std::filesystem::resize_file(dir.file(name(2, 2)),
                                    std::filesystem::file_size(dir.file(name(2, 2))) - 9);
       return dir.file(name(1, 2));
     },
     "the data of tensor 'b' lies at 160 to 192, outside of the file"},
    {"SecondFileEmpty",
     [](const TempDir& dir) {
       part(0, 2, 2).f32_tensor("a", {8}).write(dir.file(name(1, 2)));
       std::ofstream(dir.file(name(2, 2)));
       return dir.file(name(1, 2));
     },
     "m-00002-of-00002.gguf: the file is empty"},
};

class MalformedSplit : public testing::TestWithParam<BadSplit> {};

TEST_P(MalformedSplit, IsRefused) {
  const TempDir dir;
  const std::string path = GetParam().make(dir);
  try {
    GgufFile::open(path);
    ADD_FAILURE() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), testing::HasSubstr(GetParam().message));
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, MalformedSplit, testing::ValuesIn(kSplits),
                         [](const auto& split) { return std::string(split.param.name); });

}  // namespace
}  // namespace lathe
