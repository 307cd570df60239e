// The evaluation jobs by themselves: they print nothing, and go on only with what is the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/identity/build_info.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/output.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/jobs/card_job.h"
#include "tools/jobs/kld_job.h"
#include "tools/jobs/ppl_job.h"
#include "tools/jobs/tasks_job.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kText = test::source_path("tests/data/demo-evaluation.txt");
const std::string kOtherText = test::source_path("tests/data/demo-calibration.txt");

class EvalJobs : public testing::Test {
 protected:
  EvalJobs() {
    ::setenv("XDG_STATE_HOME", dir_.path().c_str(), 1);
    ::setenv("XDG_CACHE_HOME", dir_.path().c_str(), 1);
    std::ofstream wino(file("wino.csv"));
    for (const char* thing : {"house", "river", "horse", "letter", "garden"}) {
      wino << "0,The man took the " << thing << " to the _ and left.,door,window,1\n";
    }
  }
  ~EvalJobs() override {
    ::unsetenv("XDG_STATE_HOME");
    ::unsetenv("XDG_CACHE_HOME");
  }

  std::string file(const std::string& name) const { return dir_.file(name); }

  EvalOptions eval() const {
    EvalOptions options;
    options.engine.model = kModel;
    options.engine.n_ctx = 64;
    options.engine.n_threads = 1;
    return options;
  }
  TextOptions text() const {
    TextOptions options;
    options.files = {kText};
    options.max_chunks = 2;
    return options;
  }
  PplOptions ppl() const {
    return {.eval = eval(), .text = text(), .base = {}, .logits = {}, .compact = {}};
  }
  KldOptions kld() const { return {.eval = eval(), .text = text(), .base = kModel}; }
  TasksOptions tasks() const {
    TasksOptions options{.eval = eval(),
                         .kind = TaskKind::kWinoGrande,
                         .files = {file("wino.csv")},
                         .selection = {}};
    options.eval.engine.n_ctx = 0;
    options.selection.n_tasks = 3;
    return options;
  }
  CardOptions card() const {
    CardOptions options;
    options.eval = eval();
    options.models = {kModel};
    options.base = kModel;
    options.text = text();
    options.test_files[4] = {file("wino.csv")};
    options.selection.n_tasks = 2;
    return options;
  }

  TempDir dir_;
};

// Also where they are stopped, keep something, go on, and have something to say.
TEST_F(EvalJobs, PrintNothing) {
  std::size_t n_notes = 0;
  EvalCallbacks callbacks;
  callbacks.notes.on_info = callbacks.notes.on_warning = [&](std::string_view) { ++n_notes; };
  PplCallbacks ppl_callbacks{callbacks};
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  ppl_callbacks.on_chunk = [](const PerplexityResult& r) {
    if (r.running.size() == 1) throw failed("stop");
  };
  EXPECT_THROW(run_ppl(ppl(), ppl_callbacks), Error);
  ppl_callbacks.on_chunk = {};
  PplOptions resumed = ppl();
  resumed.eval.resume.resume = true;
  resumed.eval.order.layer_major = "on";
  run_ppl(resumed, ppl_callbacks).work.result_is_out();
  PplOptions writing = ppl();
  writing.base = test::output(file("base"));
  writing.logits = test::output(file("logits"));
  run_ppl(writing, ppl_callbacks);
  run_kld(kld(), {callbacks});
  run_tasks(tasks(), {callbacks});
  run_card(card(), {callbacks}).result_is_out();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_GE(n_notes, 4u) << "kept, going on, layer by layer, size of the logits";
}

// Whatever decides a result is asked for, and named when it differs.
TEST_F(EvalJobs, PerplexityGoesOnOnlyWithTheSame) {
  PplOptions start = ppl();
  start.eval.resume.checkpoint = file("c");
  PplCallbacks stopping;
  bool stop = false;
  stopping.on_chunk = [&](const PerplexityResult& r) { stop = !r.running.empty(); };
  stopping.on_progress = [&](double, std::string_view) { return !stop; };
  EXPECT_THROW(run_ppl(start, stopping), Error);
  ASSERT_TRUE(fs::exists(file("c")));
  test::run_command(add_quantize, {"quantize", kModel, file("metadata.gguf"), "F16",
                                   "--override-kv", "general.name=str:other"});
  test::run_command(add_quantize, {"quantize", kModel, file("weights.gguf"), "Q8_0"});
  const auto refusal = [&](const std::function<void(PplOptions&)>& change) {
    PplOptions other = ppl();
    other.eval.resume = {.resume = true, .checkpoint = file("c")};
    change(other);
    return message_of([&] { run_ppl(other, {}); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(
      refusal([&](auto& o) { o.eval.engine.model = file("metadata.gguf"); }),
      testing::AllOf(HasSubstr("its metadata of model was"), testing::Not(HasSubstr("weights"))));
  EXPECT_THAT(refusal([&](auto& o) { o.eval.engine.model = file("weights.gguf"); }),
              HasSubstr("its weights of model was"));
  EXPECT_THAT(refusal([&](auto& o) { o.text.files = {kOtherText}; }), HasSubstr("its text was"));
  EXPECT_THAT(refusal([&](auto& o) { o.text.from_chunk = 1; }),
              HasSubstr("its first chunk was '0', now it is '1'"));
  EXPECT_THAT(refusal([&](auto& o) { o.text.stride = 16; }), HasSubstr("its stride was"));
  EXPECT_THAT(refusal([&](auto& o) { o.text.stride = 16, o.text.compat = true; }),
              HasSubstr("its --compat was 'off'"));
  EXPECT_THAT(refusal([&](auto& o) { o.eval.engine.n_ctx = 32; }), HasSubstr("its context was"));
  EXPECT_THAT(refusal([&](auto& o) { o.eval.engine.k_type = "q8_0"; }),
              HasSubstr("its --cache-type-k was"));
  EXPECT_THAT(refusal([&](auto& o) { o.eval.engine.v_type = "f32"; }),
              HasSubstr("its --cache-type-v was"));
  EXPECT_THAT(refusal([&](auto& o) { o.eval.skip_layers = "2"; }),
              HasSubstr("its --skip-layers was"));
  EXPECT_THAT(refusal([&](auto& o) { o.eval.isa = "scalar"; }),
              HasSubstr("its instruction set was"));
  ASSERT_TRUE(fs::exists(file("c"))) << "nobody else's work is touched";
  EXPECT_EQ(read_checkpoint_label(file("c")).n_units, 1u);
}

// The others share eval_identity(): each entry of what a result is of is in it.
TEST_F(EvalJobs, IdentitiesNameWhatDiffers) {
  const ModelInput model{
      .path = "m", .name = "m", .fingerprint = "f", .weights = "w", .metadata = "h"};
  const EvalInputs of{
      .measure = "eval kld",
      .models = {model},
      .base = model,
      .base_file = BaseFileInput{"b", "a base", "c"},
      .text = TextInput{.files = {"t"}, .sha256 = "s", .n_ctx = 64, .n_chunks = 2},
      .tests = {TestInput{.kind = TaskKind::kArc, .files = {}, .sha256 = "s", .n_tasks = 5}},
      .seed = 1,
      .skip_layers = "",
      .tier = "avx2",
      .k_type = "f16",
      .v_type = "f16"};
  const auto differs = [&](const std::function<void(EvalInputs&)>& change) {
    EvalInputs other = of;
    change(other);
    const auto found = identity_differences(eval_identity(of), eval_identity(other));
    return found.size() == 1 ? found.front().substr(0, found.front().find(" was")) : "";
  };
  EXPECT_EQ(differs([](auto& o) { o.models[0].weights = "x"; }), "its weights of model");
  EXPECT_EQ(differs([](auto& o) { o.models[0].metadata = "x"; }), "its metadata of model");
  EXPECT_EQ(differs([](auto& o) { o.base->weights = "x"; }), "its weights of the base");
  EXPECT_EQ(differs([](auto& o) { o.base->metadata = "x"; }), "its metadata of the base");
  EXPECT_EQ(differs([](auto& o) { o.base_file->content = "x"; }), "its base file");
  EXPECT_EQ(differs([](auto& o) { o.text->sha256 = "x"; }), "its text");
  EXPECT_EQ(differs([](auto& o) { o.tests[0].sha256 = "x"; }), "its tasks");
  EXPECT_EQ(differs([](auto& o) { o.tests[0].n_tasks = 6; }), "its number of tasks");
  EXPECT_EQ(differs([](auto& o) { o.seed = 2; }), "its --seed");
  EXPECT_EQ(differs([](auto& o) { o.compat = true; }), "its --compat");
  EXPECT_EQ(differs([](auto& o) { o.skip_layers = "2"; }), "its --skip-layers");
  EXPECT_EQ(differs([](auto& o) { o.tier = "scalar"; }), "its instruction set");
  EXPECT_EQ(differs([](auto& o) { o.measure = "eval ppl"; }), "its measure");
  const EvalInputs more = [&] {
    EvalInputs longer = of;
    longer.text->n_chunks = 9;
    return longer;
  }();
  EXPECT_EQ(eval_identity(of), eval_identity(more)) << "a chunk is the same among more of them";
  EXPECT_EQ(eval_identity(of).back(), std::pair(std::string("lathe"), build_words()));
}

// A base with another rope base once passed for the same one.
TEST_F(EvalJobs, DivergenceGoesOnOnlyFromTheSameBase) {
  test::run_command(add_quantize, {"quantize", kModel, file("rope.gguf"), "F16", "--override-kv",
                                   "llama.rope.freq_base=float:5000"});
  KldOptions start = kld();
  start.eval.resume.checkpoint = file("c");
  KldCallbacks stopping;
  stopping.on_chunk = [](std::size_t, const DivergenceResult&) { throw failed("stop"); };
  EXPECT_THROW(run_kld(start, stopping), Error);
  start.eval.resume.resume = true;
  start.base = file("rope.gguf");
  EXPECT_THAT(message_of([&] { run_kld(start, {}); }, ErrorKind::kUsage),
              testing::AllOf(HasSubstr("its metadata of the base was"),
                             testing::Not(HasSubstr("weights"))));
  start.base = kModel;
  EXPECT_EQ(run_kld(start, {}).chunks.kld.size(), 2u);
}

// A result that could not be printed need not be measured again.
TEST_F(EvalJobs, ResultsAreKeptUntilTheyAreOut) {
  TasksResult result = run_tasks(tasks(), {});
  result.work.keep();
  TasksOptions again = tasks();
  again.eval.resume.resume = true;
  TasksCallbacks callbacks;
  std::size_t n_measured = 0;
  callbacks.on_progress = [&](double fraction, std::string_view) {
    n_measured += fraction > 0.0;
    return true;
  };
  TasksResult resumed = run_tasks(again, callbacks);
  EXPECT_EQ(n_measured, 0u);
  EXPECT_EQ(resumed.summary.all.score.value, result.summary.all.score.value);
  resumed.work.result_is_out();
  EXPECT_THAT(message_of([&] { run_tasks(again, {}); }, ErrorKind::kUsage),
              HasSubstr("nothing to resume"));
}

TEST_F(EvalJobs, DivergenceTellsItsChunks) {
  KldOptions options = kld();
  options.eval.skip_layers = "2";
  options.text.max_chunks = 6;
  const KldResult result = run_kld(options, {});
  ASSERT_EQ(result.chunks.kld.size(), 6u);
  double mean = 0.0;
  for (const double v : result.chunks.kld) mean += v / 6.0;
  EXPECT_NEAR(mean, result.figures.kld.value, 1e-9);
  EXPECT_TRUE(result.intervals.kld->contains(result.figures.kld.value));
  EXPECT_TRUE(result.intervals.ppl->contains(result.figures.ppl.value));
  EXPECT_TRUE(result.intervals.ppl_ratio->contains(result.figures.ppl_ratio.value));
}

}  // namespace
}  // namespace lathe
