// The work behind `lathe quantize` and `lathe plan`, without their commands.
#include "tools/jobs/quantize_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "kernels/tiers.h"
#include "runtime/base/error.h"
#include "tests/support/error_of.h"
#include "tests/support/file_bytes.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/report/plan_report.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");

TEST(QuantizeTask, PrintsNothingAndSaysWhatItReads) {
  const TempDir dir;
  QuantizeOptions options;
  options.plan.model = kModel;
  options.plan.recipe = "Q4_0";
  options.plan.rules = {{"attn_v=q8_0", false}, {"nothing=q8_0", false}};
  options.out = dir.file("q.gguf");
  KernelTable kernels;
  ASSERT_TRUE(select_kernels("", &kernels));
  ThreadPool pool({.n_threads = 1, .pin = false});
  bool verified = false;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  QuantizeTask task(options);
  const QuantizeRun run = task.run(kernels, pool, [&](const QuantizeProgress& p) {
    verified |= p.phase == QuantizePhase::kVerify;
    return true;
  });
  const std::string text = plan_text(task.model(), task.job(), true);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_TRUE(verified);
  EXPECT_EQ(run.result.paths, std::vector<std::string>{options.out});
  EXPECT_THAT(text, HasSubstr("blk.7.ffn_up.weight"));
  EXPECT_THAT(plan_warnings(task.model().plan, nullptr),
              testing::ElementsAre(HasSubstr("nothing=q8_0: matched nothing")));
}

// ---- what takes long: calibrating and healing

class LongWork : public testing::Test {
 protected:
  LongWork() : pool_({.n_threads = 2, .pin = false}) {
    select_kernels("", &kernels_);
    healing_.texts = {test::source_path("tests/data/demo-calibration.txt")};
    healing_.n_ctx = 128;
    healing_.max_chunks = 24;
  }
  QuantizeOptions options(const std::string& out) const {
    QuantizeOptions options;
    options.plan.model = kModel;
    options.plan.recipe = "Q8_0";
    options.plan.prune_layers = "6";
    options.out = dir_.file(out);
    return options;
  }
  HealOutcome heal(QuantizeTask& task) {
    return task.heal(healing_, kernels_, pool_, {},
                     [&](double fraction, std::string_view) { return fraction < stop_at_; });
  }

  TempDir dir_;
  KernelTable kernels_;
  ThreadPool pool_;
  HealRequest healing_;
  double stop_at_ = 2.0;
};

// Stopped while it heals, then while it writes: nothing is healed twice.
TEST_F(LongWork, OfAHealedModelGoesOn) {
  const auto all = [](const QuantizeProgress&) { return true; };
  {
    QuantizeTask whole(options("whole.gguf"));
    const HealOutcome outcome = heal(whole);
    EXPECT_EQ(outcome.result.n_taken_up, 0u);
    whole.run(kernels_, pool_, all);
  }
  EXPECT_FALSE(fs::exists(HealedFiles::folder_for(dir_.file("whole.gguf"))));

  QuantizeOptions o = options("out.gguf");
  stop_at_ = 0.8;
  EXPECT_THAT(message_of(
                  [&] {
                    QuantizeTask task(o);
                    heal(task);
                  },
                  ErrorKind::kFailed),
              HasSubstr("stopped"));
  EXPECT_EQ(kept_work(o.out).n_healed_parts, 1u);
  stop_at_ = 2.0;
  o.resume = true;
  {
    QuantizeTask task(o);
    EXPECT_EQ(heal(task).result.n_taken_up, 1u);
    int n = 0;
    EXPECT_THAT(message_of(
                    [&] {
                      task.run(kernels_, pool_, [&](const QuantizeProgress& p) {
                        return p.phase != QuantizePhase::kEncode || ++n < 20;
                      });
                    },
                    ErrorKind::kFailed),
                HasSubstr("stopped"));
  }
  EXPECT_GT(kept_work(o.out).n_tensors, 0u);
  QuantizeTask task(o);
  stop_at_ = 0.0;  // would stop at once
  const HealOutcome outcome = heal(task);
  EXPECT_EQ(outcome.result.n_taken_up, 2u);
  EXPECT_GT(outcome.figures.pruned.kld.value, outcome.figures.healed.kld.value);
  EXPECT_GT(task.run(kernels_, pool_, all).result.n_resumed, 0u);
  EXPECT_TRUE(read_file_bytes(o.out) == read_file_bytes(dir_.file("whole.gguf")));
  EXPECT_FALSE(kept_work(o.out).any());
}

TEST_F(LongWork, ThatMemoryCannotHoldDoesNotBegin) {
  const auto heal_a = [&] {
    QuantizeTask task(options("a.gguf"));
    heal(task);
  };
  healing_.memory = 3'000'000;
  EXPECT_THAT(message_of(heal_a, ErrorKind::kUsage),
              testing::AllOf(HasSubstr("healing takes 0.0"), HasSubstr("of 0.003 GB there are"),
                             HasSubstr("a machine with more is needed")));
  healing_.memory = 40'000'000;
  EXPECT_THAT(message_of(heal_a, ErrorKind::kUsage), HasSubstr("or take fewer (--heal-chunks)"));
  QuantizeOptions o = options("b.gguf");
  o.calibrate.text = {.files = healing_.texts, .n_ctx = 128, .max_tokens = 4096};
  o.calibrate.memory = 20'000'000;
  const auto calibrate = [&] {
    QuantizeTask task(o);
    task.run(kernels_, pool_, {});
  };
  EXPECT_THAT(message_of(calibrate, ErrorKind::kUsage),
              testing::AllOf(HasSubstr("calibration takes 0.0"), HasSubstr("--spill DIR"),
                             HasSubstr("--calibrate-tokens")));
  o.calibrate.memory = 1'000'000;
  EXPECT_THAT(message_of(calibrate, ErrorKind::kUsage), HasSubstr("a machine with more"));
  EXPECT_TRUE(fs::is_empty(dir_.path())) << "nothing was begun";
}

TEST(PlanModel, TakesRulesFromFilesAndRecipesByNumber) {
  const TempDir dir;
  std::FILE* file = std::fopen(dir.file("rules").c_str(), "w");
  std::fputs("attn_v=q8_0", file);
  std::fclose(file);
  PlanOptions options;
  options.model = kModel;
  options.recipe = "8";  // Q5_0
  options.rules = {{dir.file("rules"), true}};
  const PlannedModel model = plan_model(options);
  EXPECT_EQ(model.plan.recipe, "Q5_0");
  EXPECT_EQ(model.plan.rule_reports.size(), 1u);
}

}  // namespace
}  // namespace lathe
