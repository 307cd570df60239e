// The cache of hashes: used where it tells the truth, and never otherwise.
#include "runtime/identity/hash_cache.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/identity/fingerprint.h"
#include "tests/support/file_bytes.h"
#include "tests/support/model_file.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const std::string kInvented(32, 'a');

class Cache : public testing::Test {
 protected:
  Cache() {
    model_.metadata.set("general.architecture", Value::text("x"));
    model_.tensors = {{"a", Format::F32, {4}, std::vector<std::uint8_t>(16, 1)},
                      {"b", Format::F32, {8}, std::vector<std::uint8_t>(32, 2)}};
    model_.write(path_);
  }

  std::string hash_of_a(std::chrono::seconds min_age = 0s) const {
    return model_identity(GgufFile::open(path_), {.cache_folder = folder_, .min_age = min_age})
        .tensors.at("a");
  }
  // An entry that says something else than the file, so that it shows where it is used.
  void invent() const {
    const GgufFile file = GgufFile::open(path_);
    PlacedHashes hashes;
    for (const TensorInfo& t : file.tensors()) hashes[{t.offset, t.n_bytes}] = kInvented;
    HashCache(folder_, 0s).store(file.files()[0], hashes);
  }
  std::vector<std::string> entries() const {
    std::vector<std::string> out;
    if (!fs::exists(folder_)) return out;
    for (const auto& entry : fs::directory_iterator(folder_)) out.push_back(entry.path());
    return out;
  }

  TempDir dir_;
  ModelFile model_;
  const std::string path_ = dir_.file("m.gguf"), folder_ = dir_.file("cache/lathe/hashes");
  const std::string truth_ = hash_rows(std::vector<std::uint8_t>(16, 1), 16);
};

TEST_F(Cache, IsWrittenAndRead) {
  EXPECT_EQ(hash_of_a(), truth_);
  ASSERT_EQ(entries().size(), 1u);
  EXPECT_EQ(hash_of_a(), truth_);
  invent();
  EXPECT_EQ(entries().size(), 1u);
  EXPECT_EQ(hash_of_a(), kInvented) << "the cache is used";
  fs::rename(path_, dir_.file("other.gguf"));
  const GgufFile renamed = GgufFile::open(dir_.file("other.gguf"));
  // Renaming changes the times of the inode: read anew, to be on the safe side.
  EXPECT_EQ(model_identity(renamed, {.cache_folder = folder_, .min_age = 0s}).tensors.at("a"),
            truth_);
}

TEST_F(Cache, DoesNotCountForAChangedFile) {
  invent();
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-64, std::ios::end);  // both tensors, padded: 32 and 32
  file.put(7);
  file.close();
  model_.tensors[0].data[0] = 7;
  EXPECT_EQ(hash_of_a(), hash_rows(model_.tensors[0].data, 16));
}

TEST_F(Cache, DoesNotCountWhereOnlyTheTimeOfContentWasPutBack) {
  invent();
  struct stat info = {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-64, std::ios::end);
  file.put(7);
  file.close();
  const timespec times[] = {info.st_atim, info.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  EXPECT_NE(hash_of_a(), kInvented);
}

TEST_F(Cache, DoesNotCountForAnotherFileOfThatName) {
  invent();
  model_.write(dir_.file("new"));
  fs::rename(dir_.file("new"), path_);
  EXPECT_EQ(hash_of_a(), truth_);
}

TEST_F(Cache, ADamagedEntryIsIgnored) {
  hash_of_a();
  const std::string entry = entries().front();
  const std::vector<std::uint8_t> good = read_file_bytes(entry);
  const auto put = [&](const std::vector<std::uint8_t>& bytes) {
    std::ofstream(entry, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  };
  const MappedFile file(path_);
  const HashCache cache(folder_, 0s);
  ASSERT_EQ(cache.load(file).size(), 2u);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::vector<std::uint8_t> bad = good;
    bad[i] ^= 1;
    put(bad);
    ASSERT_TRUE(cache.load(file).empty()) << "byte " << i;
    bad.resize(i);
    put(bad);
    ASSERT_TRUE(cache.load(file).empty()) << "cut to " << i;
  }
  EXPECT_EQ(hash_of_a(), truth_);
}

TEST_F(Cache, KeepsNothingOfAFileThatWasJustWritten) {
  EXPECT_EQ(hash_of_a(HashCache::kMinAge), truth_);
  EXPECT_TRUE(entries().empty());
}

TEST_F(Cache, KeepsNothingOfAFileThatChangedMeanwhile) {
  const GgufFile file = GgufFile::open(path_);
  fs::resize_file(path_, fs::file_size(path_) + 1);
  HashCache(folder_, 0s).store(file.files()[0], {});
  EXPECT_TRUE(entries().empty());
}

TEST_F(Cache, AFolderThatCannotBeWrittenIsNoError) {
  std::ofstream(dir_.file("cache")) << "a file";
  EXPECT_EQ(hash_of_a(), truth_);
  EXPECT_EQ(hash_of_a(), truth_);
}

TEST_F(Cache, KnowsTheFilesOfASplitModelOneByOne) {
  const std::string first = model_.write_split(dir_.file("split"), 2);
  const IdentityOptions options{.cache_folder = folder_, .min_age = 0s};
  const std::string fingerprint = model_identity(GgufFile::open(first), options).fingerprint;
  EXPECT_EQ(entries().size(), 2u);
  EXPECT_EQ(fingerprint, model_identity(GgufFile::open(path_), options).fingerprint);
}

TEST(CacheFolder, FollowsTheEnvironment) {
  const char* old = ::getenv("XDG_CACHE_HOME");
  const std::string before = old == nullptr ? "" : old;
  ::setenv("XDG_CACHE_HOME", "/x", 1);
  EXPECT_EQ(hash_cache_folder(), "/x/lathe/hashes");
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_THAT(hash_cache_folder(), testing::Not(testing::HasSubstr("relative")));
  old == nullptr ? ::unsetenv("XDG_CACHE_HOME") : ::setenv("XDG_CACHE_HOME", before.c_str(), 1);
}

}  // namespace
}  // namespace lathe
