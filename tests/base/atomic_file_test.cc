// Files that appear when they are complete: whose temporary files are touched, and what is left
// when the last step fails.
#include "runtime/base/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string_view>
#include <thread>

#include "runtime/base/digest.h"
#include "runtime/base/publish.h"
#include "tests/support/error_of.h"
#include "tests/support/output.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using test::output;
using test::resumable_output;
using testing::HasSubstr;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class Files : public testing::Test {
 protected:
  std::string file(const std::string& name) const { return dir_.file(name); }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
  }
  std::string text(const std::string& name) const {
    std::ifstream in(file(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(dir_.path())) {
      out.push_back(entry.path().filename());
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  TempDir dir_;
};

TEST_F(Files, AFileOfTheTemporaryNameIsNotTouched) {
  put("out.part", "somebody's");
  put("victim", "victim");
  fs::create_symlink("victim", file("out.1.part"));
  AtomicFile out(output(file("out")));
  EXPECT_EQ(out.temporary_path(), fs::canonical(dir_.path()).string() + "/out.2.part");
  out.write(bytes_of("new"));
  out.commit();
  EXPECT_EQ(text("out"), "new");
  EXPECT_EQ(text("out.part"), "somebody's");
  EXPECT_EQ(text("victim"), "victim");
  EXPECT_THAT(names(), testing::ElementsAre("out", "out.1.part", "out.part", "victim"));
}

TEST_F(Files, NamesAtTheLimitHaveShorterTemporaryOnes) {
  const std::string name(255, 'n');
  AtomicFile(output(file(name))).commit();
  EXPECT_THAT(names(), testing::ElementsAre(name));
}

TEST_F(Files, ResumableFilesTakeOverOnlyWhatIsTheirs) {
  const FileBeginning ours{5, sha256_hex(bytes_of("ours:"))};
  const auto refused = [&](const FileBeginning& leftover) {
    return message_of([&] { AtomicFile(resumable_output(file("out")), leftover); },
                      ErrorKind::kUsage);
  };
  put("out.part", "theirs: all of it");
  EXPECT_THAT(refused({}), HasSubstr("it is not touched"));
  EXPECT_THAT(refused(ours), HasSubstr("it is not touched"));
  EXPECT_EQ(text("out.part"), "theirs: all of it");

  put("out.part", "ours: a half");
  fs::create_hard_link(file("out.part"), file("copy"));
  EXPECT_THAT(refused(ours), HasSubstr("it is not touched")) << "another name would lose its bytes";
  fs::remove(file("out.part"));
  fs::create_symlink("copy", file("out.part"));
  EXPECT_THAT(refused(ours), HasSubstr("it is not touched")) << "a link";
  fs::remove(file("out.part"));
  fs::create_directory(file("out.part"));
  EXPECT_THAT(refused(ours), HasSubstr("it is not touched")) << "a folder";
  fs::remove(file("out.part"));
  ASSERT_EQ(::mkfifo(file("out.part").c_str(), 0600), 0);
  EXPECT_THAT(refused(ours), HasSubstr("it is not touched")) << "a pipe";
  fs::remove(file("out.part"));

  fs::rename(file("copy"), file("out.part"));
  { const AtomicFile untouched(resumable_output(file("out")), ours); }
  EXPECT_EQ(text("out.part"), "ours: a half") << "stays until its writer says otherwise";
  AtomicFile out(resumable_output(file("out")), ours);
  EXPECT_EQ(out.leftover_bytes(), 12u);
  out.truncate_to(6);
  out.write(bytes_of("whole"));
  out.commit();
  EXPECT_EQ(text("out"), "ours: whole");
}

TEST_F(Files, TwoWritersAreKeptApart) {
  for (const bool resumable : {false, true}) {
    const auto target = [&] { return output(file("out"), {.resumable = resumable}); };
    const AtomicFile first(target());
    EXPECT_THAT(message_of([&] { AtomicFile second(target()); }, ErrorKind::kFailed),
                HasSubstr("another process is writing"));
  }
  EXPECT_TRUE(fs::is_empty(dir_.path()));
}

TEST_F(Files, PermissionsOfTheOlderFileStay) {
  put("out", "old");
  fs::permissions(file("out"), fs::perms::owner_read | fs::perms::owner_write);
  AtomicFile out(output(file("out")));
  struct stat info = {};
  ASSERT_EQ(::stat(out.temporary_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u) << "private from the start";
  out.commit();
  ASSERT_EQ(::stat(file("out").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Files, ALinkStaysALink) {
  put("real", "old");
  fs::create_symlink("real", file("link"));
  AtomicFile out(output(file("link")));
  out.write(bytes_of("new"));
  out.commit();
  EXPECT_TRUE(fs::is_symlink(file("link")));
  EXPECT_EQ(text("real"), "new");
}

// Whatever takes the name while the work goes on.
TEST_F(Files, WhatCannotGetItsNameStaysAndSaysWhere) {
  const auto taken_by = [&](const std::function<void()>& take) {
    AtomicFile out(output(file("out")));
    out.write(bytes_of("finished"));
    take();
    const std::string message = message_of([&] { out.commit(); }, ErrorKind::kFailed);
    EXPECT_THAT(message, HasSubstr("it is complete and stays as " + out.temporary_path()));
  };
  taken_by([&] { fs::create_directory(file("out")); });
  EXPECT_EQ(text("out.part"), "finished");
  fs::remove(file("out"));
  taken_by([&] { ::mkfifo(file("out").c_str(), 0600); });
  EXPECT_EQ(text("out.1.part"), "finished");
  EXPECT_TRUE(fs::is_fifo(file("out")));
}

TEST_F(Files, ATemporaryFileThatSomebodyReplacedGetsNoName) {
  put("out", "old");
  {
    AtomicFile out(output(file("out")));
    fs::remove(file("out.part"));
    put("out.part", "another's");
    EXPECT_THAT(message_of([&] { out.commit(); }, ErrorKind::kFailed), HasSubstr("replaced"));
  }
  EXPECT_EQ(text("out"), "old");
  EXPECT_EQ(text("out.part"), "another's");
}

TEST_F(Files, LeftoversAreRemovedOnlyWhenTheyAreWhatIsSaid) {
  put("a.part", "ours: a half");
  const FileBeginning ours{5, sha256_hex(bytes_of("ours:"))};
  remove_leftover(file("a.part"), {5, sha256_hex(bytes_of("other"))});
  remove_leftover(file("absent"), ours);
  EXPECT_THAT(names(), testing::ElementsAre("a.part"));
  remove_leftover(file("a.part"), ours);
  EXPECT_TRUE(fs::is_empty(dir_.path()));
}

// ---- several files

class Sets : public Files {
 protected:
  // Three finished files of this text.
  void finish(const std::string& text) {
    for (const char* name : {"1", "2", "3"}) {
      files_.emplace_back(output(file(name)));
      files_.back().write(bytes_of(text + name));
    }
  }
  void publish_all() {
    std::vector<AtomicFile*> all;
    for (AtomicFile& f : files_) all.push_back(&f);
    publish(all);
    files_.clear();
  }
  std::vector<AtomicFile> files_;
};

TEST_F(Sets, AppearTogetherInThePlaceOfOlderOnes) {
  put("2", "older");
  put("2.old", "not ours");
  finish("new ");
  publish_all();
  EXPECT_EQ(text("1") + text("2") + text("3"), "new 1new 2new 3");
  EXPECT_EQ(text("2.old"), "not ours");
  EXPECT_THAT(names(), testing::ElementsAre("1", "2", "2.old", "3"));
}

TEST_F(Sets, AreNotThereWhenOneNameIsTaken) {
  for (const bool older : {false, true}) {
    if (older) {
      put("1", "older 1");
      put("2", "older 2");
    }
    finish("new ");
    fs::create_directory(file("3"));
    EXPECT_THAT(message_of([&] { publish_all(); }, ErrorKind::kFailed), HasSubstr("3.part"));
    files_.clear();
    EXPECT_EQ(text("1.part") + text("2.part") + text("3.part"), "new 1new 2new 3");
    EXPECT_EQ(fs::exists(file("1")), older);
    EXPECT_EQ(text("1") + text("2"), older ? "older 1older 2" : "");
    EXPECT_FALSE(fs::exists(file("1.old")) || fs::exists(file("2.old")));
    for (const char* name : {"1.part", "2.part", "3.part", "3"}) fs::remove(file(name));
  }
}

// The last step fails after others were done: their names are given back.
TEST_F(Sets, RollBackWhatWasDone) {
  put("1", "older 1");
  put("3", "older 3");
  finish("new ");
  fs::remove(file("1.part"));  // the first gets its name last
  EXPECT_THAT(message_of([&] { publish_all(); }, ErrorKind::kFailed), HasSubstr("was removed"));
  files_.clear();
  EXPECT_THAT(names(), testing::ElementsAre("1", "2.part", "3", "3.part"));
  EXPECT_EQ(text("1") + text("3"), "older 1older 3");
}

// ---- texts

TEST_F(Files, TextsGoStraightThroughPipes) {
  ASSERT_EQ(::mkfifo(file("pipe").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = text("pipe"); });
  write_text(output(file("pipe"), {.kind = OutputKind::kText}), "all of it");
  reader.join();
  EXPECT_EQ(got, "all of it");
  EXPECT_TRUE(fs::is_fifo(file("pipe")));
}

TEST_F(Files, APipeThatNobodyReadsIsAnError) {
  ASSERT_EQ(::mkfifo(file("pipe").c_str(), 0600), 0);
  const OutputTarget pipe = output(file("pipe"), {.kind = OutputKind::kText});
  EXPECT_THAT(message_of([&] { write_text(pipe, "lost"); }, ErrorKind::kFailed),
              HasSubstr("nobody reads it"));
}

TEST_F(Files, DevicesStayWhatTheyAre) {
  write_text(output("/dev/null", {.kind = OutputKind::kText}), "nothing");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const OutputTarget full = output("/dev/full", {.kind = OutputKind::kText});
  EXPECT_THAT(message_of([&] { write_text(full, "lost"); }, ErrorKind::kFailed),
              HasSubstr("No space left"));
}

}  // namespace
}  // namespace lathe
