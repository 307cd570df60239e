// The work behind `lathe quantize` and `lathe plan`, without their commands.
#include "tools/jobs/quantize_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "kernels/tiers.h"
#include "runtime/base/error.h"
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
