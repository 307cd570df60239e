// Checkpoints of evaluations: nobody's work is lost, whatever runs beside it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "quant/eval/checkpoint_folder.h"
#include "quant/eval/checkpoint_keeper.h"
#include "runtime/base/error.h"
#include "tests/support/error_of.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const RunIdentity kOne = {{"measure", "ppl"}, {"model", "a"}, {"text", "t"}};
const RunIdentity kOther = {{"measure", "ppl"}, {"model", "b"}, {"text", "t"}};

class Checkpoints : public testing::Test {
 protected:
  Checkpoints() { ::setenv("XDG_STATE_HOME", dir_.path().c_str(), 1); }
  ~Checkpoints() override { ::unsetenv("XDG_STATE_HOME"); }

  CheckpointKeeper keeper(const ResumeOptions& options, const RunIdentity& identity = kOne) {
    said_.clear();
    const auto note = [this](std::string_view text) { said_ += std::string(text) + "\n"; };
    return {
        options, {.identity = identity, .about = "a test"}, {.on_info = note, .on_warning = note}};
  }
  std::string file(const std::string& name) const { return dir_.file(name); }
  UnitRecords units(std::size_t n) const { return UnitRecords(n, {1.0, 2.0}); }
  std::size_t n_kept(const std::string& path) const { return read_checkpoint_label(path).n_units; }

  TempDir dir_;
  std::string said_;
};

TEST_F(Checkpoints, AreFoundByWhatTheyAreOf) {
  const UnitRecords records = {{1.0, 2.0}, {3.0}};
  keeper({}).interrupted(records);
  EXPECT_THAT(said_, HasSubstr("2 chunks are kept"));
  CheckpointKeeper again = keeper({.resume = true});
  EXPECT_EQ(again.load(), records);
  EXPECT_THAT(said_, HasSubstr("going on after 2 chunks"));
  again.complete(records);
  again.remove();
  EXPECT_THAT(message_of([&] { keeper({.resume = true}).load(); }, ErrorKind::kUsage),
              HasSubstr("nothing to resume"));
}

TEST_F(Checkpoints, OfAnotherRunAreNamedWithWhatDiffers) {
  keeper({}, kOther).interrupted(units(3));
  EXPECT_THAT(message_of([&] { keeper({.resume = true}).load(); }, ErrorKind::kUsage),
              testing::AllOf(HasSubstr("nothing to resume"), HasSubstr("3 chunks"),
                             HasSubstr("its model was 'b', now it is 'a'")));
  EXPECT_TRUE(keeper({}).load().empty());
  EXPECT_EQ(said_, "") << "another run's";
}

TEST_F(Checkpoints, OfAnotherRunAreNeverTouched) {
  const std::string path = file("shared");
  keeper({.checkpoint = path}, kOther).interrupted(units(3));
  for (const bool resume : {false, true}) {
    EXPECT_THAT(
        message_of([&] { keeper({.resume = resume, .checkpoint = path}); }, ErrorKind::kUsage),
        testing::AllOf(HasSubstr(resume ? "cannot be resumed" : "holds 3 chunks of another run"),
                       HasSubstr("its model was 'b', now it is 'a'")));
  }
  fs::remove(path);
  CheckpointKeeper mine = keeper({.checkpoint = path});
  CheckpointKeeper theirs = keeper({.checkpoint = path}, kOther);  // at the same time
  theirs.save(units(2));
  mine.save(units(5));
  EXPECT_THAT(said_, HasSubstr("cannot be kept"));
  EXPECT_EQ(n_kept(path), 2u);
  mine.complete(units(5));
  mine.remove();
  EXPECT_EQ(read_eval_checkpoint(path, kOther), units(2));
}

TEST_F(Checkpoints, OfLongerRunsOutliveShorterOnes) {
  const std::string path = file("c");
  keeper({.checkpoint = path}).interrupted(units(9));
  CheckpointKeeper shorter = keeper({.resume = true, .checkpoint = path});
  EXPECT_EQ(shorter.load(4), units(4));
  shorter.save(units(4));
  shorter.complete(units(4));
  shorter.remove();
  EXPECT_EQ(n_kept(path), 9u);
}

TEST_F(Checkpoints, StayWhileARunFromTheStartHasLess) {
  const std::string path = file("c");
  keeper({.checkpoint = path}).interrupted(units(5));
  CheckpointKeeper fresh = keeper({.checkpoint = path});
  EXPECT_TRUE(fresh.load().empty());
  EXPECT_THAT(said_, testing::AllOf(HasSubstr("5 chunks of an earlier run"), HasSubstr("--resume"),
                                    HasSubstr("afresh")));
  fresh.interrupted(units(2));
  EXPECT_EQ(n_kept(path), 5u);
  EXPECT_THAT(said_, HasSubstr("5 chunks of an earlier run are kept"));
  fresh.save(units(6));
  EXPECT_EQ(n_kept(path), 6u);
}

// Both go on from nothing; the first to end must not take away what the other has written.
TEST_F(Checkpoints, OfTwinsAreRemovedByTheirWriterOnly) {
  CheckpointKeeper one = keeper({}), twin = keeper({});
  one.save(units(1));
  twin.save(units(2));
  one.complete(units(3));
  one.remove();
  EXPECT_EQ(n_kept(twin.path()), 2u);
  twin.complete(units(3));
  twin.remove();
  EXPECT_FALSE(fs::exists(twin.path()));
}

TEST_F(Checkpoints, ThatCannotBeWrittenDoNotEndAMeasurement) {
  std::ofstream(dir_.path() + "/lathe") << "no folder";
  CheckpointKeeper nowhere = keeper({});
  nowhere.save(units(1));
  EXPECT_THAT(said_, HasSubstr("cannot be kept"));
  said_.clear();
  nowhere.interrupted(units(2));
  nowhere.remove();
  EXPECT_EQ(said_, "") << "said once";
}

TEST_F(Checkpoints, DifferencesNameBothSides) {
  EXPECT_THAT(identity_differences(kOne, kOne), IsEmpty());
  EXPECT_THAT(identity_differences({{"a", "1"}, {"b", "2"}}, {{"a", "1"}, {"c", "3"}}),
              ElementsAre("its c was '', now it is '3'", "its b was '2', now it is ''"));
}

TEST_F(Checkpoints, AreListedAndRemovedByAge) {
  const std::string old = file("old.gguf"), fresh = file("fresh.gguf");
  keeper({.checkpoint = old}).interrupted(units(1));
  keeper({.checkpoint = fresh}).interrupted(units(2));
  std::ofstream(file("other.gguf")) << "something else";
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(49));
  std::vector<KeptCheckpoint> kept = list_checkpoints(dir_.path());
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].path, fresh) << "the newest first";
  EXPECT_EQ(kept[1].label.about, "a test");
  EXPECT_THAT(remove_checkpoints_older_than(3, kept), IsEmpty());
  EXPECT_EQ(remove_checkpoints_older_than(2, kept).front().path, old);
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(fresh));
  EXPECT_TRUE(fs::exists(file("other.gguf")));
  EXPECT_EQ(kept.size(), 1u);
  EXPECT_THAT(list_checkpoints(file("nowhere")), IsEmpty());
}

}  // namespace
}  // namespace lathe
