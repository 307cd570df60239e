// A whole release of the small packaged model: made, gone on with after interruptions, made again
// in part, and read back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/jobs/release/release.h"
#include "tools/report/release/results_json.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");

std::string contents(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

class ReleaseJob : public testing::Test {
 protected:
  ReleaseJob() {
    ::setenv("XDG_STATE_HOME", dir_.path().c_str(), 1);
    ::setenv("XDG_CACHE_HOME", dir_.path().c_str(), 1);
    write_recipe("recipes = [\"Q8_0\"]", "");
  }
  ~ReleaseJob() override {
    ::unsetenv("XDG_STATE_HOME");
    ::unsetenv("XDG_CACHE_HOME");
  }

  // One variant with a rule, beside which a plain file is made.
  void write_recipe(const std::string& recipes, const std::string& variants) const {
    std::ofstream(recipe())
        << "source = \"" << kModel << "\"\noutput = \"out\"\n"
        << recipes << "\n[calibration]\ntexts = [\""
        << test::source_path("tests/data/demo-calibration.txt")
        << "\"]\ncontext = 64\nchunks = 2\ntokens = 4096\n[evaluation]\ntexts = [\""
        << test::source_path("tests/data/demo-evaluation.txt")
        << "\"]\ncontext = 64\nchunks = 3\nhellaswag = \""
        << test::source_path("tests/data/demo-continuations.txt")
        << "\"\ntasks = 4\n[speed]\nmeasure = false\n[[variant]]\nname = "
           "\"Q4-v\"\nrecipe = \"Q4_K_M\"\nrules = [\"attn_v=q8_0\"]\n"
        << variants;
  }

  std::string recipe() const { return dir_.file("r.toml"); }
  std::string out(const std::string& name) const { return dir_.file("out/" + name); }

  // Runs until `stop` says so; the titles of the steps that ran.
  std::vector<std::string> run(const std::function<bool(const std::string&, double)>& stop = {}) {
    const ReleaseRecipe r = read_release_recipes(recipe()).front();
    std::vector<std::string> titles;
    ReleaseCallbacks callbacks;
    callbacks.on_step = [&](std::size_t, std::size_t, const std::string& t) {
      titles.push_back(t);
    };
    callbacks.on_progress = [&](double fraction, std::string_view) {
      return !stop || titles.empty() || !stop(titles.back(), fraction);
    };
    Release release(r, {.isa = "", .n_threads = 1}, callbacks);
    try {
      release.run();
      results_ = release.results();
    } catch (const Error& error) {
      stopped_with_ = error.what();
    }
    return titles;
  }

  TempDir dir_;
  ReleaseResults results_;
  std::string stopped_with_;
};

TEST_F(ReleaseJob, MakesAllAndThenNothing) {
  const std::vector<std::string> steps = {"importance matrix",      "block influence",
                                          "Q8_0: quantize",         "Q4-v: quantize",
                                          "Q4_K_M-naive: quantize", "evaluate on demo-evaluation",
                                          "evaluate on tasks"};
  EXPECT_EQ(run(), steps) << stopped_with_;
  for (const char* file : {"tiny-llama-imatrix.gguf", "tiny-llama-Q8_0.gguf",
                           "tiny-llama-Q4-v.gguf", "work/tiny-llama-Q4_K_M-naive.gguf"}) {
    EXPECT_TRUE(fs::exists(out(file))) << file;
  }
  ASSERT_EQ(results_.models.size(), 4u);
  const ReleaseModel& variant = *results_.find("Q4-v");
  EXPECT_EQ(variant.naive, "Q4_K_M-naive");
  ASSERT_TRUE(variant.texts[0].divergence.has_value());
  EXPECT_GT(variant.texts[0].divergence->kld.value, 0.0);
  EXPECT_EQ(variant.tests[0].kind, TaskKind::kHellaSwag);
  EXPECT_EQ(results_.blocks.size(), 8u);
  EXPECT_GT(variant.recipe_bytes, 0u);
  EXPECT_LT(variant.recipe_bytes, variant.file.bytes) << "attn_v is larger than the recipe has it";
  EXPECT_NE(results_.difference("Q4-v", "Q4_K_M-naive"), nullptr);
  EXPECT_NE(results_.difference("Q8_0", results_.models[0].name), nullptr);

  const auto written = fs::last_write_time(out("tiny-llama-Q8_0.gguf"));
  EXPECT_THAT(run(), ElementsAre());
  EXPECT_EQ(fs::last_write_time(out("tiny-llama-Q8_0.gguf")), written);
}

// A new variant is made and measured; the others are not measured again, and the figures are those
// of a release that had it from the start.
TEST_F(ReleaseJob, MakesWhatIsNewAlone) {
  run();
  write_recipe("recipes = [\"Q8_0\", \"Q4_K_M\"]", "");
  // The plain file of the variant's size is now one of the release itself.
  EXPECT_THAT(run(),
              ElementsAre("Q4_K_M: quantize", "evaluate on demo-evaluation", "evaluate on tasks"));
  const ReleaseResults grown_results = results_;
  EXPECT_EQ(results_.find("Q4-v")->naive, "Q4_K_M");
  fs::remove_all(out(""));
  run();
  for (const char* name : {"Q8_0", "Q4-v", "Q4_K_M"}) {
    EXPECT_EQ(results_.find(name)->texts[0].divergence->kld.value,
              grown_results.find(name)->texts[0].divergence->kld.value)
        << name;
    EXPECT_EQ(results_.find(name)->file.sha256, grown_results.find(name)->file.sha256);
  }
}

// Stopped in the middle of each step in turn, the release ends with the same files and figures.
TEST_F(ReleaseJob, GoesOnWhereItWasStopped) {
  run();
  const std::string whole = contents(out("tiny-llama-Q4-v.gguf"));
  const ReleaseResults expected = results_;
  fs::remove_all(out(""));
  std::vector<std::string> stopped_at;
  for (int i = 0; i < 20; ++i) {
    stopped_with_.clear();
    const auto steps = run([&](const std::string& title, double fraction) {
      const bool again = std::count(stopped_at.begin(), stopped_at.end(), title) > 0;
      return !again && fraction > 0.2;
    });
    if (stopped_with_.empty()) break;
    stopped_at.push_back(steps.back());
  }
  EXPECT_EQ(stopped_with_, "");
  EXPECT_THAT(stopped_at, testing::Contains("evaluate on demo-evaluation"));
  EXPECT_GE(stopped_at.size(), 5u);
  EXPECT_EQ(contents(out("tiny-llama-Q4-v.gguf")), whole);
  EXPECT_EQ(results_.find("Q4-v")->texts[0].divergence->kld.value,
            expected.find("Q4-v")->texts[0].divergence->kld.value);
  EXPECT_EQ(results_.find("Q4-v")->file.sha256, expected.find("Q4-v")->file.sha256);
  EXPECT_EQ(results_.imatrix.sha256, expected.imatrix.sha256);
}

TEST_F(ReleaseJob, MakesAgainWhatIsGoneOrDamaged) {
  run();
  const std::string good = contents(out("tiny-llama-Q8_0.gguf"));
  std::string damaged = good;
  damaged[damaged.size() / 2] ^= 1;
  std::ofstream(out("tiny-llama-Q8_0.gguf"), std::ios::binary) << damaged;
  fs::remove(out("work/tiny-llama-Q4_K_M-naive.gguf"));
  EXPECT_THAT(run(), ElementsAre("Q8_0: quantize", "Q4_K_M-naive: quantize"));
  EXPECT_EQ(contents(out("tiny-llama-Q8_0.gguf")), good);
}

TEST_F(ReleaseJob, LeavesFilesOfOthers) {
  fs::create_directories(out(""));
  std::ofstream(out("tiny-llama-Q8_0.gguf")) << "somebody's";
  run();
  EXPECT_THAT(stopped_with_, HasSubstr("tiny-llama-Q8_0.gguf is there already"));
  EXPECT_EQ(contents(out("tiny-llama-Q8_0.gguf")), "somebody's");
}

TEST_F(ReleaseJob, IsOneProcessesWork) {
  fs::create_directories(out("work"));
  {
    const FolderLock lock(out("work"));
    run();
    EXPECT_THAT(stopped_with_, HasSubstr("another lathe is at work"));
  }
  const FolderLock lock(out("work"));
}

TEST_F(ReleaseJob, PlansBeforeAnyWork) {
  write_recipe("", "[[variant]]\nname = \"p\"\nrecipe = \"Q4_0\"\nprune_layers = \"77\"\n");
  const ReleaseRecipe r = read_release_recipes(recipe()).front();
  const ReleaseCallbacks callbacks;
  EXPECT_THAT(message_of([&] { Release(r, {}, callbacks); }, ErrorKind::kBadInput),
              testing::AllOf(HasSubstr("variant p"), HasSubstr("77")));
  EXPECT_FALSE(fs::exists(out("")));
}

// What takes longer: calibrated rounding, and a pruned model that is healed.
using LongReleaseJob = ReleaseJob;
TEST_F(LongReleaseJob, CalibratesAndHeals) {
  write_recipe("",
               "[[variant]]\nname = \"cal\"\nrecipe = \"Q4_K_S\"\ncalibrated = true\n"
               "[[variant]]\nname = \"healed\"\nrecipe = \"Q8_0\"\nprune = 1\n"
               "heal = true\nnaive = \"none\"\n[[variant]]\nname = \"pruned\"\n"
               "recipe = \"Q8_0\"\nprune = 1\n[[variant]]\nname = \"other\"\n"
               "recipe = \"Q8_0\"\nprune_layers = [7]\nnaive = \"none\"\n"
               "[[variant]]\nsize = \"Q4_0\"\n");
  run();
  EXPECT_EQ(stopped_with_, "");
  const auto kld = [&](const char* name) {
    return results_.find(name)->texts[0].divergence->kld.value;
  };
  EXPECT_EQ(results_.find("cal")->naive, "Q4_K_S-naive");
  EXPECT_LT(kld("cal"), kld("Q4_K_S-naive"));
  EXPECT_LT(kld("healed"), kld("pruned"));
  EXPECT_LT(kld("pruned"), kld("other")) << "a layer that costs more";
  EXPECT_THAT(results_.find("pruned")->made,
              testing::Contains(HasSubstr("without layer 2, which costs least (KLD 0.")));
  EXPECT_NE(results_.find("pruned")->naive, "") << "a whole model of about the same size";
  ASSERT_EQ(results_.find("Q4_0-planned")->naive, "Q4_0-naive") << "not IQ4_NL, of the same size";
  EXPECT_LT(results_.find("Q4_0-planned")->file.bytes, results_.find("Q4_0-naive")->file.bytes);
  EXPECT_THAT(results_.find("healed")->made, testing::Contains(HasSubstr("healed (before")));
  EXPECT_THAT(run(), ElementsAre());
}

// What a run left that was killed is gone on with, whatever it was at: also where it had only
// begun.
TEST_F(LongReleaseJob, GoesOnWithCalibratingAndHealing) {
  write_recipe("",
               "[[variant]]\nname = \"less\"\nrecipe = \"Q4_K_S\"\ncalibrated = true\nprune = 1\n"
               "heal = true\nnaive = \"none\"\n");
  run();
  ASSERT_EQ(stopped_with_, "");
  const std::string whole = contents(out("tiny-llama-less.gguf"));
  fs::remove_all(out(""));
  double most = 0.0;
  int n_stops = 0;
  for (; n_stops < 30; ++n_stops) {
    stopped_with_.clear();
    run([&](const std::string& title, double fraction) {
      return title == "less: quantize" && fraction > most;
    });
    if (stopped_with_.empty()) break;
    EXPECT_THAT(stopped_with_, HasSubstr("stopped"));
    most += 0.15;
  }
  EXPECT_GE(n_stops, 5);
  EXPECT_EQ(contents(out("tiny-llama-less.gguf")), whole);
  EXPECT_FALSE(fs::exists(out("tiny-llama-less.gguf.healed")));
}

// ---- the commands

TEST_F(ReleaseJob, CommandWritesDocumentsThatCanBeMadeAgain) {
  const auto first = test::run_command(add_release, {"release", recipe(), "-t", "1"});
  EXPECT_EQ(first.exit_code, 0) << first.messages;
  EXPECT_THAT(first.messages, HasSubstr("[3/7] Q8_0: quantize in 0:0"));
  const std::string card = contents(out("README.md")), page = contents(out("report.html"));
  EXPECT_THAT(card, HasSubstr("| Q4-v |"));
  fs::remove(out("README.md"));
  fs::remove(out("report.html"));
  test::run_command(add_report, {"report", out("results.json")});
  EXPECT_EQ(contents(out("README.md")), card);
  EXPECT_EQ(contents(out("report.html")), page);
  const auto written = fs::last_write_time(out("results.json"));
  const auto again = test::run_command(add_release, {"release", recipe(), "-t", "1"});
  EXPECT_THAT(again.messages, HasSubstr("7 of 7 steps are done already"));
  EXPECT_EQ(fs::last_write_time(out("results.json")), written);

  std::ofstream(out("README.md")) << "# mine\n";
  EXPECT_THAT(message_of(
                  [&] {
                    test::run_command(add_release, {"release", recipe(), "-t", "1"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("README.md is there already"));
  EXPECT_EQ(contents(out("README.md")), "# mine\n");
}

TEST_F(ReleaseJob, DryRunWritesNothing) {
  const auto output = test::run_command(add_release, {"release", recipe(), "--dry-run"});
  EXPECT_THAT(output.text, HasSubstr("[4/7] Q4-v: quantize, "));
  EXPECT_FALSE(fs::exists(out("")));
}

TEST_F(ReleaseJob, InitPrintsARecipe) {
  const auto output = test::run_command(add_release, {"release", "--init", "a.gguf"});
  EXPECT_THAT(output.text, HasSubstr("source = \"a.gguf\""));
}

}  // namespace
}  // namespace lathe
